"""`onebyone slide`: a classifier at every window of an image file."""

import json
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from jaxtyping import Num
from rich.console import Console

from onebyone.choices import Backend, Padding
from onebyone.cli.class_names import check_names, read_names
from onebyone.cli.completion import ending
from onebyone.cli.here import look_here
from onebyone.cli.inputs import files_of, read_inputs
from onebyone.cli.maps import SUFFIXES, check_scores, count_touched, not_finite, write_map
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
from onebyone.cli.options import Json, Trust
from onebyone.cli.outputs import check_outputs
from onebyone.cli.parsing import ALONE, one_or_all, parse_bytes, parse_integers, parse_pixel_options
from onebyone.cli.pixels import done_to_pixels, fitting, in_options, left
from onebyone.cli.stages import Stages, stages
from onebyone.images import read_image
from onebyone.images.embedding import embed_image

PRINTED = Path(ALONE)
"""What --report is where it stands alone: the report is printed."""
PICTURE = 500  # pixels along the longer side of the image, at most, on the page of the report


def slide(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="An image, or .npy/.npz with [C, H, W].")
    ],
    *,
    model: Model,
    out: Annotated[
        Path,
        typer.Option(
            help="Write here: .npz, .npy, .png or .html.", autocompletion=ending(*SUFFIXES)
        ),
    ],
    window: Window = None,
    stride: Stride = None,
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
    padding: Annotated[
        Padding, typer.Option(help="crop: as each crop; image: zeros at the image's border only.")
    ] = "crop",
    memory: Annotated[
        str | None, typer.Option(help="Stay within this much memory, as 2GB.", metavar="SIZE")
    ] = None,
    backend: Annotated[
        Backend,
        typer.Option(
            metavar="NAME",
            help="What runs the graph: torch, inductor, onnxruntime, openvino, or auto, which "
            "times all and keeps the fastest.",
        ),
    ] = "torch",
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="[FILE.html]",
            help="Print what is shared, by layer; or write it here as a page.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="The report, and why it is planned so.")
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Time some crops, too, and say how long all take.")
    ] = False,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Apply a classifier to every window of an image and write the scores as a map."""
    check_outputs(
        {**locals(), "report": None if report == PRINTED else report},
        lambda: files_of(model, input or []),
        out=SUFFIXES,
        report=(".html",),
    )
    sizes = parse_integers("--window", window)
    steps = one_or_all(parse_integers("--stride", stride))
    budget = parse_bytes("--memory", memory)
    asked = parse_pixel_options(scale, mean, std)
    named, values = read_names(names), read_inputs(input or [])
    settings: dict[str, Any] = {"padding": padding, "backend": backend}
    with stages() as stage:
        stage.begin("reading the image")
        pixels = read_image(image)
        settings["memory"] = left(budget, image, pixels)
        stage.begin("loading the model")
        import torch

        from onebyone.cli.saved import saving
        from onebyone.models import load
        from onebyone.windows import slide as slide_model

        look_here(model)
        options: dict[str, Any] = {
            **{"weights": weights, "classes": classes, "download": download},
            **{"layout": layout, "inputs": values, "crops": crops},
        }
        with stage.hidden(download):
            chosen = load(model, window=sizes, trust=trust, **options)
        sizes = fitting(sizes or chosen.window, image, pixels)
        done = done_to_pixels(chosen.preprocessing, asked, image, pixels)
        stage.begin("capturing")
        sliding = slide_model(chosen.network, sizes, steps, **settings, **done)
        x = torch.from_numpy(pixels)
        with torch.inference_mode():
            _try_one(sliding, x, out, names, named)
            started = time.perf_counter()
            with sliding.followed(stage.tell, *x.shape[1:]):
                stage.begin("running")
                scores = sliding(x)
            seconds = time.perf_counter() - started
            deviation = _deviation(sliding, x, stage) if padding == "image" else None
            stage.begin("timing crops" if compare else "counting")
            saved = saving(sliding, x, compare=compare)
        stage.begin("writing")
        write_map(
            out, scores, pixels, sizes, sliding.stride, classes=named or chosen.classes,
            title=image.name,
        )  # fmt: skip
        told = _told(sliding, pixels, report, explain=explain)
    touched = _say_not_finite(image, pixels, sizes, sliding.stride)
    size = pixels.shape[1:]
    fields = {
        "out": str(out),
        "image_size": size,
        "window": sizes,
        **done,
        "stride": sliding.stride,
        "grid": sliding.grid(*size),
        "backend": str(sliding.choice(*size)),
        "seconds": round(seconds, 6),
        **saved.fields,
        "windows_not_finite": touched,
        "deviation": None if deviation is None else asdict(deviation),
        "report": None if told is None else told.to_dict(),
    }
    if as_json:
        print(json.dumps(fields))
    else:
        printed = told if explain or report == PRINTED else None
        said = saved.lines(seconds, counted=printed is None)  # the report has the counts, too
        _print(fields, said, deviation, printed, report, brought=chosen.preprocessing)


def _told(
    sliding: Any, pixels: Num[np.ndarray, "C H W"], page: Path | None, *, explain: bool
) -> Any:
    """The report, if it is asked for, which is written to its page if there is one."""
    if page is None and not explain:
        return None
    told = sliding.report(*pixels.shape[1:], explain=explain)
    if page not in (None, PRINTED):
        step = -(-max(pixels.shape[1:]) // PICTURE)
        told.save(page, embed_image(pixels[:, ::step, ::step]).uri)
    return told


def _print(
    fields: dict[str, Any],
    said: list[str],
    deviation: Any,
    report: Any,
    page: Path | None,
    *,
    brought: Any,
) -> None:
    console = Console(markup=False)  # files may be called anything
    if brought is not None and brought.mean is not None:
        console.print(f"as with {in_options(fields)}", soft_wrap=True)
    down, across = fields["grid"]
    windows = f"{down} × {across} windows in {fields['seconds']:.2f} s"
    console.print(f"{fields['out']}: {windows}", soft_wrap=True)
    for line in said:
        console.print(line, soft_wrap=True)
    if fields["backend"] != "torch":
        console.print(f"backend: {fields['backend']}", soft_wrap=True)
    if deviation is not None:
        console.print(f"padding=image differs from crops by {deviation}", soft_wrap=True)
    if page not in (None, PRINTED):
        console.print(f"{page}: what windows share, by layer", soft_wrap=True)
    if report is not None:
        console.print(report)


def _deviation(sliding: Any, x: Any, stage: Stages) -> Any:
    stage.begin("comparing with crops")
    return sliding.deviation(x)


def _try_one(
    sliding: Any, x: Any, out: Path, names: Path | None, named: tuple[str, ...] | None
) -> None:
    """Run one window, so that what a map cannot hold is refused before the others run."""
    from torch.utils._pytree import tree_map

    _, height, width = sliding.window
    one = tree_map(_as_map, sliding.model(sliding.prepare(x[None, :, :height, :width])))
    check_scores(out, one)
    check_names(names, named, one)


def _as_map(output: Any) -> Any:
    """What one window gives, as a map of that window."""
    return output[0][..., None, None] if hasattr(output, "ndim") else output


def _say_not_finite(
    image: Path, pixels: Num[np.ndarray, "C H W"], window: tuple[int, ...], stride: tuple[int, ...]
) -> int:
    """Count the windows that pixels touch which are NaN or infinite, and warn of them."""
    marked = not_finite(pixels)
    if not marked.any():
        return 0
    touched = count_touched(marked, (window[1], window[2]), (stride[0], stride[1]))
    warnings.warn(
        f"{image}: NaN or infinite pixels: {np.count_nonzero(marked)} of {marked.size}; "
        f"windows they touch: {touched}",
        stacklevel=2,
    )
    return touched
