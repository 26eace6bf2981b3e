"""Small maps on disk, as a scan writes them."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from onebyone.scans.maps import DONE

AXES = ("z", "y", "x")
UTM = "EPSG:32633"


def make_map(
    path: Path,
    scores: np.ndarray,
    *,
    state: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    coarser: int = 0,
    values: str = "probabilities",
    window: Sequence[int] | None = None,
    stride: Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    chunks: Sequence[int] | None = None,
    shards: Sequence[int] | None = None,
    dtype: Any = "float32",
    **image: Any,
) -> Path:
    """Write scores [K, *grid], NaN where there are none, as a map with some coarser levels.

    `image` has what a map says of it: name, size, shrink, spacing, place (crs and transform).
    """
    grid = scores.shape[1:]
    stride = tuple(stride or (4,) * len(grid))
    window = tuple(window or (3, *(8,) * len(grid)))
    dims = AXES[len(AXES) - len(grid) :]
    group = zarr.open_group(path, mode="w")
    options: dict[str, Any] = {"chunks": chunks, "shards": shards}
    options = {key: tuple(value) for key, value in options.items() if value is not None}
    names = ["scores", *(f"coarser/{level}" for level in range(1, coarser + 1))]
    level = scores
    for name in names:
        stored = _stored(level, np.dtype(dtype))
        array = group.create_array(
            name, shape=stored.shape, dtype=stored.dtype, dimension_names=("c", *dims), **options
        )
        array[:] = stored
        level = halved(level)
    if labels is not None:
        array = group.create_array("labels", shape=labels.shape, dtype=labels.dtype, **options)
        array[:] = labels
    marks = np.full(grid, DONE, np.uint8) if state is None else state.astype(np.uint8)
    array = group.create_array("state", shape=grid, dtype=np.uint8, dimension_names=dims)
    array[:] = marks
    size = [(n - 1) * s + w for n, s, w in zip(grid, stride, window[1:], strict=True)]
    described = {"name": "tissue.tif", "size": size, "shrink": [1.0] * len(grid), **image}
    group.attrs.update(
        {
            "onebyone": {
                "values": values,
                "datasets": names,
                "window": list(window),
                "stride": list(stride),
                "classes": None if classes is None else list(classes),
                "image": described,
            },
        }
    )
    return path


def halved(scores: np.ndarray) -> np.ndarray:
    """The mean of two by two windows of [K, *grid], of those that have a score."""
    pad = [(0, 0), *((0, n % 2) for n in scores.shape[1:])]
    padded = np.pad(scores.astype(np.float64), pad, constant_values=np.nan)
    halves = [part for n in padded.shape[1:] for part in (n // 2, 2)]
    blocks = padded.reshape(len(scores), *halves)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of nothing is NaN
        return np.nanmean(blocks, axis=tuple(range(2, blocks.ndim, 2)))


def _stored(scores: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    if dtype.kind != "u":
        return scores.astype(dtype)
    top = np.iinfo(dtype).max - 1
    return np.where(np.isnan(scores), top + 1, np.rint(scores * top)).astype(dtype)
