"""The class map as a picture."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from onebyone.images.classmap import class_shares, coloured, top_class, within_unit
from onebyone.scans.exports.classes import class_count
from onebyone.scans.exports.overview import Overview, find_overview, overview_stripes
from onebyone.scans.exports.stripes import labelled_stripes
from onebyone.scans.maps import Map

LONGEST = 4096  # pixels of a side


def write_png(map: Map, path: Path) -> None:
    """Write one pixel for each window, in the colour of its top class.

    The opacity is the top class's probability; windows without scores and the class named
    "background" stay transparent. Where a side has more than 4096 windows, a pixel stands for the
    mean of 2 × 2 of them, or 4 × 4, and a warning says so.
    """
    found = find_overview(map, lambda rows, columns: max(rows, columns) <= LONGEST)
    if found.merged > 1:
        side = f"{found.merged} × {found.merged}"
        warnings.warn(f"{map.path}: a pixel of the picture stands for {side} windows", stacklevel=4)
    picture = np.empty((*found.grid, 4), np.uint8)
    count = class_count(map)
    tops = _tops(map, found) if map.labels is None else _labelled_tops(map, found.factor)
    for rows, top, opacity in tops:
        picture[rows] = coloured(top, opacity, count, map.classes)
    Image.fromarray(picture, "RGBA").save(path, "PNG")


def _tops(map: Map, found: Overview) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """The top class of every pixel and its probability, row by row."""
    unit = all(within_unit(scores) for _, scores in overview_stripes(map, found))
    for rows, scores in overview_stripes(map, found):
        yield rows, *top_class(scores if unit else class_shares(scores))


def _labelled_tops(map: Map, step: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """The same of a map of the best few: classes have no mean, so one window in `step` is taken."""
    for rows, scores, labels in labelled_stripes(map, multiple=step):
        sampled = scores[:, ::step, ::step]
        best = np.where(np.isfinite(sampled), sampled, -1).argmax(axis=0)[None]
        opacity = np.take_along_axis(sampled, best, axis=0)[0]
        top = np.take_along_axis(labels[:, ::step, ::step], best, axis=0)[0]
        start = rows.start // step
        seen = np.isfinite(opacity)
        yield (
            slice(start, start + len(top)),
            np.where(seen, top, 0).astype(np.int64),
            np.where(seen, np.clip(opacity, 0, 1), 0),
        )
