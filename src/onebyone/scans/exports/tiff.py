"""A map as a plain TIFF: one float32 band for each class."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from onebyone.scans.exports.classes import class_names
from onebyone.scans.exports.geometry import cell_spacing
from onebyone.scans.exports.stripes import stripes
from onebyone.scans.maps import Map

TILE = 2**22  # bytes of a tile at most
SIDE = 256  # cells of a tile along each side, if no more bands than that allows
NODATA, BAND_NAMES = 42113, 42112  # GDAL's tags


def write_tiff(map: Map, path: Path) -> None:
    """Write a tiled BigTIFF, its classes named in its description and in GDAL's metadata.

    Windows without scores hold NaN. Where the spacing is known the resolution is that of windows.
    """
    import tifffile

    count, *grid = map.scores[0].shape
    side = tile_side(count)
    tifffile.imwrite(
        path,
        _tiles(map, side),
        shape=(*grid, count) if count > 1 else grid,
        dtype=np.float32,
        bigtiff=True,
        tile=(side, side),
        photometric="minisblack",
        planarconfig="contig" if count > 1 else None,
        extrasamples=["unspecified"] * (count - 1),
        compression="zlib",
        metadata={"classes": band_names(map)},
        extratags=[
            (NODATA, "s", 0, "nan", True),
            (BAND_NAMES, "s", 0, _described(band_names(map)), True),
        ],
        **_resolution(map),
    )


def tile_side(bands: int) -> int:
    """Cells along each side of a tile: a multiple of 16, less where there are many bands."""
    side = SIDE
    while side > 16 and 4 * bands * side**2 > TILE:
        side //= 2
    return side


def band_names(map: Map) -> list[str]:
    """Name the scores by their classes."""
    return class_names(map, range(map.scores[0].shape[0]))


def _tiles(map: Map, side: int) -> Iterator[np.ndarray]:
    """Tiles [side, side, K] row by row, without K if it is 1; tifffile fills up the edges'."""
    for _, scores in stripes(map, multiple=side):
        pixels = np.moveaxis(scores, 0, -1) if len(scores) > 1 else scores[0]
        for top in range(0, pixels.shape[0], side):
            for left in range(0, pixels.shape[1], side):
                yield np.ascontiguousarray(pixels[top : top + side, left : left + side])


def _described(names: list[str]) -> bytes:
    """The names of bands, as GDAL keeps them in a TIFF: escaped twice."""
    items = "".join(
        f'<Item name="DESCRIPTION" sample="{k}" role="description">{escape(escape(name))}</Item>'
        for k, name in enumerate(names)
    )
    return f"<GDALMetadata>{items}</GDALMetadata>".encode()


def _resolution(map: Map) -> dict[str, Any]:
    spacing = cell_spacing(map)
    if spacing is None:
        return {}
    down, across = spacing
    return {"resolution": (1e4 / across, 1e4 / down), "resolutionunit": "CENTIMETER"}
