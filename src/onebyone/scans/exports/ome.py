"""A map as a pyramid in OME-TIFF, one channel for each class."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from onebyone.scans.exports.geometry import cell_spacing
from onebyone.scans.exports.stripes import reading, rows_of
from onebyone.scans.exports.tiff import SIDE, band_names
from onebyone.scans.maps import Map


def write_ome(map: Map, path: Path) -> None:
    """Write channels named after the classes, and the map's coarser levels as SubIFDs.

    Maps of whole numbers stay as they are, 0 where a window has no score; others are float32 with
    NaN there. Volumes are written without coarser levels: OME-TIFF keeps all planes in each.
    """
    import tifffile

    levels = range(len(map.scores) if len(map.grid) == 2 else 1)
    options: dict[str, Any] = {
        "photometric": "minisblack",
        "tile": (SIDE, SIDE),
        "compression": "zlib",
        "predictor": _dtype(map).kind == "u",  # Bio-Formats does not undo that of floats
    }
    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as file:
        for level in levels:
            first = level == 0
            file.write(
                _tiles(map, level),
                shape=map.scores[level].shape,
                dtype=_dtype(map),
                subifds=len(levels) - 1 if first else None,
                subfiletype=0 if first else 1,
                metadata=_described(map) if first else None,
                **options,
            )


def _dtype(map: Map) -> np.dtype[Any]:
    stored = map.scores[0].dtype
    return stored if stored.kind == "u" else np.dtype(np.float32)


def _tiles(map: Map, level: int) -> Iterator[np.ndarray]:
    """Tiles of every plane, plane by plane as the file has them."""
    array = map.scores[level]
    for k in range(array.shape[0]):
        for rows in rows_of(array, SIDE if len(map.grid) == 2 else 1):
            with reading(map, rows):
                scores = np.asarray(array[k, rows])
            for plane in scores if scores.ndim == 3 else [scores]:
                yield from _of_plane(_seen(plane))


def _of_plane(plane: np.ndarray) -> Iterator[np.ndarray]:
    for top in range(0, plane.shape[0], SIDE):
        for left in range(0, plane.shape[1], SIDE):
            yield np.ascontiguousarray(plane[top : top + SIDE, left : left + SIDE])


def _seen(scores: np.ndarray) -> np.ndarray:
    """Scores as the file holds them: the largest whole number would be seen as the highest."""
    if scores.dtype.kind != "u":
        return scores.astype(np.float32, copy=False)
    return np.where(scores == np.iinfo(scores.dtype).max, 0, scores).astype(scores.dtype)


def _described(map: Map) -> dict[str, Any]:
    axes = "ZYX"[3 - len(map.grid) :]
    described: dict[str, Any] = {
        "axes": f"C{axes}",
        "Name": map.title,
        "Channel": {"Name": band_names(map)},
    }
    for axis, spacing in zip(axes, cell_spacing(map) or (), strict=False):
        described |= {f"PhysicalSize{axis}": spacing, f"PhysicalSize{axis}Unit": "µm"}
    return described
