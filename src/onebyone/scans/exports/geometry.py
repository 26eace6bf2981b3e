"""Where the windows of a map lie in its image and on the Earth.

Positions are in pixels of the image's finest level, counted from its corner: the centre of its
first pixel is at 0.5.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from onebyone.errors import InputError, first_line
from onebyone.scans.maps import Map
from onebyone.scans.sources.source import Georeference


@dataclass(frozen=True)
class Cells:
    """The cells of a map's windows: each is the stride about its window's centre.

    Attributes:
        origin: corner of the first cell, along each axis.
        step: size of a cell, along each axis.
    """

    origin: tuple[float, ...]
    step: tuple[float, ...]


def cells_of(map: Map) -> Cells:
    """The cells of a map, in pixels of its image's finest level."""
    sizes = list(zip(map.shrink, map.window[1:], map.stride, strict=True))
    return Cells(
        origin=tuple(shrink * (window - stride) / 2 for shrink, window, stride in sizes),
        step=tuple(shrink * stride for shrink, _, stride in sizes),
    )


def cell_transform(place: Georeference, cells: Cells) -> tuple[float, ...]:
    """(a, b, c, d, e, f) that takes the corner of cell (column, row) to where it lies on Earth."""
    a, b, c, d, e, f = place.transform
    (top, left), (down, across) = cells.origin, cells.step
    x, y = a * left + b * top + c, d * left + e * top + f
    return a * across, b * down, x, d * across, e * down, y


def on_earth(place: Georeference, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(east, north) of positions, in the units of the coordinate reference system."""
    a, b, c, d, e, f = place.transform
    return a * x + b * y + c, d * x + e * y + f


def reference_system(map: Map) -> Any:
    """The coordinate reference system of a map that has one, as rasterio knows it.

    Raises:
        InputError: GDAL cannot read it.
    """
    from rasterio import Env
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        with Env():  # without it GDAL itself prints what is wrong
            return CRS.from_wkt(map.place.crs if map.place else "")
    except CRSError as error:
        reason = first_line(error)
        raise InputError(f"{map.path}: its reference system cannot be read ({reason})") from error


def cell_spacing(map: Map) -> tuple[float, ...] | None:
    """Micrometres from one window to the next along each axis; None where it is not known."""
    if map.spacing is None:
        return None
    return tuple(each * stride for each, stride in zip(map.spacing, map.stride, strict=True))
