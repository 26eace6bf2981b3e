"""A classifier at every window of an image that does not fit into memory."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from onebyone import choices
from onebyone.choices import Dtype, Edge
from onebyone.errors import InputError
from onebyone.scans.executors import working
from onebyone.scans.fitting import fit
from onebyone.scans.folder import begun_at, writing
from onebyone.scans.halo import halo_of
from onebyone.scans.layout import Layout, coordinates, ome, told
from onebyone.scans.maps import KEY
from onebyone.scans.masks import find_mask
from onebyone.scans.positions import Positions
from onebyone.scans.room import Room
from onebyone.scans.running import Progress, Scan, run
from onebyone.scans.settings import machine, of_model, refuse_changed
from onebyone.scans.sources.levels import at_level
from onebyone.scans.sources.opening import open_source
from onebyone.scans.sources.source import Source
from onebyone.scans.store import Store
from onebyone.scans.tile import Job
from onebyone.scans.tiling import Tiling
from onebyone.scans.values import Values, are_probabilities, values_of
from onebyone.windows.sliding import SlidingModel
from onebyone.wording import by


def scan(
    image: Any,
    sliding: SlidingModel,
    to: str | Path,
    *,
    level: int | None = None,
    mpp: float | None = None,
    select: Mapping[str, int | Sequence[int]] | None = None,
    mask: str | Path | np.ndarray | None = None,
    edge: Edge = "drop",
    values: choices.Values | str = "scores",
    dtype: Dtype = "float32",
    classes: Sequence[str] | None = None,
    executor: Executor | int | str | None = None,
    memory: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Scan:
    """Run a classifier at every window of an image of any size, and write the scores as a map.

    The image is read, and the map written, tile by tile: what is done stays, whatever happens, and
    `resume` goes on from there. Scores are those of `sliding` on the whole image, within its
    contract; they do not depend on how many workers there are, or on who ran what.

    Args:
        image: a file (pictures, TIFF, slides, GeoTIFF, Zarr, .npy), an address, a `Source`, or
            anything with shape, dtype and slicing.
        sliding: what `ob.slide` made; it gives one output of scores [N, K].
        to: the folder of the map, in Zarr 3.
        level: which resolution of the image is read, the finest is 0.
        mpp: micrometres for each pixel that is read, in place of a level.
        select: planes of other axes, as {"Z": 5, "C": [0, 2]}.
        mask: which windows are run: a picture or an array, whose pixels are in the foreground where
            they are not 0, or "tissue". A window is run where a part of it is.
        edge: "drop" has windows within the image, "pad" also ones that reach beyond it, where the
            border's pixels go on, "cover" also ones that end with it.
        values: "scores" of all classes, "probabilities", "top:K" or "margin".
        dtype: "float32", "float16", or "uint8", which has 0 to 1 as 0 to 254.
        classes: their names.
        executor: how many threads; "local:N" for N processes of Dask here, or the address of its
            scheduler; or a `concurrent.futures.Executor`. By default as many threads as PyTorch
            uses.
        memory: bytes that may be taken beside the network, in each process.
        resume: go on with a map that was begun with the same settings.
        overwrite: begin again, and lose the map that is there.
        progress: is told now and then how far the scan is.

    Raises:
        InputError: an argument does not fit; the map is there, or was begun with other settings;
            another scan writes to it; there is no worker.
        OSError: the map cannot be written; what is done is kept.

    Example:
        >>> image = np.random.default_rng(0).integers(0, 256, (1, 300, 400), dtype=np.uint8)
        >>> sliding = ob.slide("nin-digits", stride=4)
        >>> run = ob.scan(image, sliding, "page.zarr", values="probabilities")
        >>> run.grid, run.counts.windows
        ((69, 94), 6486)
        >>> found = run.open()
        >>> found.scores[0].shape
        (11, 69, 94)
    """
    if memory is not None and memory < 1:
        raise InputError("give bytes, 1 or more", memory=memory)
    rank = len(sliding.window) - 1
    path = Path(to)
    with _opened(image, select, rank) as finest, at_level(finest, level, mpp) as source:
        begun = begun_at(path, resume=resume, overwrite=overwrite, reads=_files(image, mask))
        axes = _axes(source, sliding, edge)
        kept, numbers = _kept(sliding, source, values_of(values, dtype), classes)
        chosen = None if mask is None else find_mask(mask, source)
        settings = {
            **of_model(sliding),
            **{"image": source.identity, "edge": edge, "values": kept.written, "dtype": dtype},
            **{"mask": chosen and chosen.digest, "classes": classes and list(classes)},
            "onebyone": version("onebyone"),
        }
        if begun is not None:
            refuse_changed(path, begun["settings"], settings)
        fitted = fit(
            sliding, axes, pixel=source.channels * source.dtype.itemsize,
            numbers=numbers, memory=memory, begun=begun,
        )  # fmt: skip
        tiling = Tiling(tuple(axis.count for axis in axes), fitted.shape)
        store = Store(path, Layout(tiling, numbers, kept))
        job = Job(
            source, sliding.within(fitted.network), axes, halo_of(sliding), chosen, store,
            Room(fitted.at_a_time),
        )  # fmt: skip
        about = told(store.layout, sliding.window, axes, source, finest.place) | {
            "classes": classes and list(classes),
            "tile": fitted.shape, "memory": fitted.network,
            "settings": settings, "machine": machine(sliding),
        }  # fmt: skip
        attributes = {"ome": ome(store.layout, axes, source), KEY: about}
        places = [coordinates(axis, source, k) for k, axis in enumerate(axes)]
        with (
            working(executor) as workers,  # before a map is made for them
            writing(store, attributes, places, begun=begun, overwrite=overwrite),
        ):
            return run(job, workers, progress)


def _opened(image: Any, select: Any, space: int) -> Source:
    if not isinstance(image, Source):
        return open_source(image, select, space=space)
    if select:
        raise InputError("is for images that are opened here, not for a Source", select=select)
    return image


def _files(*given: Any) -> list[str | Path]:
    """Those of the image and the mask that are files."""
    return [str(each).removeprefix("file://") for each in given if isinstance(each, str | Path)]


def _axes(source: Source, sliding: SlidingModel, edge: str) -> tuple[Positions, ...]:
    """Where the windows of an image lie.

    Raises:
        InputError: it has other channels than the windows, other axes, or no room for one.
    """
    channels, *space = sliding.window
    size = source.levels[0].size
    if source.channels != channels or len(size) != len(space):
        raise InputError(
            f"{source.name}: has {source.channels} channels of {by(size)} pixels; the window is "
            f"{by(sliding.window)}"
        )
    sides = zip(size, space, sliding.stride, strict=True)
    try:
        return tuple(Positions(n, w, s, edge) for n, w, s in sides)
    except InputError as error:
        raise InputError(f"{source.name}: {error.message}") from error


def _kept(
    sliding: SlidingModel, source: Source, values: Values, classes: Sequence[str] | None
) -> tuple[Values, int]:
    """What is kept of the scores of a window, and how many numbers that is.

    Raises:
        InputError: the model gives several outputs, no scores, or not as many as there are names of
            classes; or the pixels need a scale.
    """
    kind = getattr(torch, source.dtype.name, None)
    if not source.dtype.kind == "f" and kind and sliding.preparing.factor(kind) is None:
        raise InputError(
            f"{source.name}: pixels are whole numbers ({source.dtype}); give `slide` the factor "
            "to the network's, scale=1/255 for 8 bits, or 1"
        )
    noise = torch.rand(1, *sliding.window, generator=torch.Generator().manual_seed(0))
    noise = noise.to(sliding._like().device)
    with torch.inference_mode():
        like = noise.to(sliding.prepare(noise).dtype)
        outputs = pytree.tree_leaves(sliding.model(like))
    if len(outputs) != 1 or outputs[0].ndim != 2:
        shapes = ", ".join(str(tuple(y.shape[1:])) for y in outputs)
        raise InputError(
            f"the model gives {shapes} for a window; a map holds one output of scores [K]"
        )
    scores = outputs[0][0]
    if classes is not None and len(classes) != len(scores):
        raise InputError(
            f"there are {len(classes)} names, and the model gives {len(scores)} scores",
            classes=list(classes),
        )
    return replace(values, given=are_probabilities(scores)), values.count(len(scores))
