"""`onebyone scan`: a classifier at every window of images that do not fit into memory."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from onebyone.choices import Dtype, Edge, Padding
from onebyone.cli.class_names import check_names, read_names
from onebyone.cli.completion import ending, one_of
from onebyone.cli.here import look_here
from onebyone.cli.inputs import files_of, read_inputs
from onebyone.cli.model_options import (
    Classes,
    Crops,
    Download,
    Inputs,
    Layout,
    Mean,
    Model,
    Names,
    Scale,
    Std,
    Stride,
    Weights,
    Window,
)
from onebyone.cli.options import Trust
from onebyone.cli.outputs import check_outputs
from onebyone.cli.parsing import one_or_all, parse_bytes, parse_integers, parse_pixel_options
from onebyone.cli.pixels import done_to_pixels
from onebyone.cli.scan_progress import Shown
from onebyone.cli.streams import say
from onebyone.errors import InputError
from onebyone.writing import replacing

_SAMPLE = 1024
"""Pixels of a side of what is looked at to know what the pixels are."""


def scan(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE",
            help="Pictures, TIFF, slides, GeoTIFF, .npy, Zarr and OME-Zarr, addresses of these.",
        ),
    ],
    *,
    model: Model,
    to: Annotated[
        Path,
        typer.Option(
            help="The map, a folder of Zarr; of several images the folder for their maps.",
        ),
    ],
    window: Window = None,
    stride: Stride = None,
    level: Annotated[
        int | None, typer.Option(help="Resolution that is read, 0 the finest.", metavar="N")
    ] = None,
    mpp: Annotated[
        float | None, typer.Option(help="Micrometres for each pixel that is read.", metavar="F")
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(help="Planes of other axes, as Z=5 or C=0,2; repeatable.", metavar="AXIS=N"),
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="Run only windows that see a part of it that is not 0.")
    ] = None,
    tissue: Annotated[
        bool, typer.Option("--tissue", help="Run only windows that see stained tissue.")
    ] = False,
    edge: Annotated[
        Edge,
        typer.Option(help="drop: windows within the image; pad, cover: all of it is covered."),
    ] = "drop",
    values: Annotated[
        str,
        typer.Option(
            help="scores, probabilities, top:K or margin.",
            metavar="VALUES",
            autocompletion=one_of("scores", "probabilities", "top:", "margin"),
        ),
    ] = "scores",
    dtype: Annotated[Dtype, typer.Option(help="The numbers that are kept.")] = "float32",
    padding: Annotated[
        Padding, typer.Option(help="crop: as each crop; image: zeros at the image's border only.")
    ] = "crop",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a map that is there.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin again, and lose the map that is there.")
    ] = False,
    threads: Annotated[
        int | None, typer.Option(help="Tiles that run at a time here.", metavar="N", min=1)
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(help="Run on Dask: its scheduler's address, or local:N.", metavar="ADDRESS"),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Stay within this much memory, as 4GB.", metavar="SIZE")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write what was done here, .json.", metavar="FILE", autocompletion=ending(".json")
        ),
    ] = None,
    weights: Weights = None,
    download: Download = False,
    classes: Classes = None,
    names: Names = None,
    layout: Layout = None,
    input: Inputs = None,
    crops: Crops = False,
    scale: Scale = None,
    mean: Mean = None,
    std: Std = None,
    trust: Trust = False,
) -> None:
    """Apply a classifier to every window of images of any size; the map is kept tile by tile.

    Whatever interrupts it, --resume goes on from there.
    """
    given = {k: v for k, v in locals().items() if k not in ("images", "to")}
    check_outputs(
        given, lambda: [*files_of(model, input or []), *map(Path, images)], report=(".json",)
    )
    if mask is not None and tissue:
        raise InputError("--mask and --tissue exclude each other")
    if threads is not None and dask is not None:
        raise InputError("--threads and --dask exclude each other: workers of Dask have their own")
    sizes = parse_integers("--window", window)
    steps = one_or_all(parse_integers("--stride", stride))
    asked = parse_pixel_options(scale, mean, std)
    budget = parse_bytes("--memory", memory)
    named, numbers = read_names(names), read_inputs(input or [])
    from onebyone.scans.sources.selecting import parse_select

    chosen_planes = parse_select(select or [])
    targets = _targets(images, to)
    from onebyone.models import load

    look_here(model)
    found = load(
        model, window=sizes, trust=trust, weights=weights, classes=classes, download=download,
        layout=layout, inputs=numbers, crops=crops,
    )  # fmt: skip
    shape = sizes or found.window
    if shape is None:
        raise InputError("--window: this model needs its window as C,H,W, for example 3,224,224")

    def one(image: str, target: Path) -> Any:
        from onebyone.scans.scanning import scan as scan_image
        from onebyone.windows import slide

        sample = _sample(image, chosen_planes, len(shape) - 1, level, mpp)
        done = done_to_pixels(found.preprocessing, asked, Path(image), sample)
        sliding = slide(found.network, shape, steps, padding=padding, **done)
        if named is not None:
            check_names(names, named, sliding.model(_window(sliding))[0])
        with Shown(image) as shown:
            return scan_image(
                image, sliding, target, level=level, mpp=mpp, select=chosen_planes,
                mask="tissue" if tissue else mask, edge=edge, values=values,
                dtype=dtype, classes=named or found.classes, memory=budget,
                executor=threads if dask is None else dask,
                resume=resume, overwrite=overwrite, progress=shown,
            )  # fmt: skip

    runs: dict[str, Any] = {}
    for image, target in targets.items():
        try:
            runs[image] = one(image, target)
        except (InputError, OSError) as error:
            if isinstance(error, InputError) and "executor" in error.argument:
                raise InputError(error.message, dask=dask) from error
            if len(targets) == 1:
                raise
            runs[image] = error
            say(f"onebyone: {image}: {str(error).removeprefix(f'{image}: ')}")
    _end(runs, report)


def _targets(images: list[str], to: Path) -> dict[str, Path]:
    """The map of each image: `to` itself, or one in that folder where there are several."""
    if len(images) == 1 and not _is_folder_of_maps(to):
        return {images[0]: to}
    found: dict[str, Path] = {}
    for image in images:
        name = image.rstrip("/").rpartition("/")[2]
        target = to / f"{name.removesuffix('.zarr')}.zarr"
        if image in found or target in found.values():
            raise InputError(f"{image}: has a map of the same name as another image, {target}")
        found[image] = target
    to.mkdir(exist_ok=True)
    return found


def _is_folder_of_maps(to: Path) -> bool:
    return to.is_dir() and not (to / "zarr.json").exists() and to.suffix != ".zarr"


def _sample(image: str, select: Any, rank: int, level: int | None, mpp: float | None) -> np.ndarray:
    """Pixels from the middle of an image, to know what they are."""
    from onebyone.scans.sources.levels import at_level
    from onebyone.scans.sources.opening import open_source

    with open_source(image, select, space=rank) as opened, at_level(opened, level, mpp) as source:
        size = source.levels[0].size
        sides = [min(n, _SAMPLE) for n in size]
        starts = [(n - side) // 2 for n, side in zip(size, sides, strict=True)]
        try:
            return source.read(0, starts, sides)
        except InputError:  # the scan leaves out what is damaged
            return np.zeros((source.channels, *(1 for _ in size)), source.dtype)


def _window(sliding: Any) -> Any:
    """A window for the network."""
    import torch

    return sliding.prepare(torch.zeros(1, *sliding.window))


def _end(runs: dict[str, Any], report: Path | None) -> None:
    """Say what was done, write the report, and end with status 1 where something was left out."""
    for run in runs.values():
        if not isinstance(run, Exception):
            print(run)
    failed = [image for image, run in runs.items() if isinstance(run, Exception) or run.failed]
    if len(runs) > 1:
        print(f"{len(runs) - len(failed)} of {len(runs)} images are done")
    if report is not None:
        with replacing(report) as temporary:
            temporary.write_text(json.dumps({k: _told(run) for k, run in runs.items()}, indent=1))
    if failed:
        raise typer.Exit(1)


def _told(run: Any) -> dict[str, Any]:
    if isinstance(run, Exception):
        return {"error": str(run)}
    return {**asdict(run), "path": str(run.path)}
