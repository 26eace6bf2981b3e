"""A page to look at a map."""

from pathlib import Path

import numpy as np

from onebyone.errors import InputError
from onebyone.images import save_html
from onebyone.images.embedding import CLASSES_KEPT, SCORE_BYTES
from onebyone.scans.exports.classes import class_names
from onebyone.scans.exports.overview import find_overview, overview_stripes
from onebyone.scans.maps import Map

LONGEST = 2048  # cells of a side
SCORES = 2**25  # that are held at a time


def write_page(map: Map, path: Path, *, image: np.ndarray | None = None) -> None:
    """Write the page of `save_html`: the class map over a small picture of the image, if given.

    Its cells are windows, or the means of 2 × 2, 4 × 4 ... where there are too many for a page.

    Args:
        map: of two axes.
        path: the file.
        image: pixels [C, H, W] or [H, W] of the whole image, made small.

    Raises:
        InputError: `image` is not of this shape.
    """
    if image is not None and (np.ndim(image) not in (2, 3) or np.size(image) == 0):
        raise InputError(f"image: shape {np.shape(image)} is no picture; give [C, H, W] or [H, W]")
    count = map.scores[0].shape[0]

    def fits(rows: int, columns: int) -> bool:
        most = min(SCORES // count, SCORE_BYTES // min(count, CLASSES_KEPT))
        return max(rows, columns) <= LONGEST and rows * columns <= most

    found = find_overview(map, fits)
    scores = np.empty((count, *found.grid), np.float32)
    for rows, part in overview_stripes(map, found):
        scores[:, rows] = part
    save_html(
        path,
        image,
        scores,
        map.window,
        (map.stride[0], map.stride[1]),
        class_names(map, range(count)),
        map.title,
        size=(map.size[0], map.size[1]),
        merged=found.merged,
        masked=True,
    )
