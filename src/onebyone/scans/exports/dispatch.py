"""Exporting a map: which file it becomes, and whether it can."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import isfinite, prod
from pathlib import Path
from typing import Any

import numpy as np

from onebyone.errors import InputError
from onebyone.scans.exports.arrays import write_npy
from onebyone.scans.exports.classes import numbers_of
from onebyone.scans.exports.geojson import write_geojson
from onebyone.scans.exports.geotiff import write_geotiff
from onebyone.scans.exports.ome import write_ome
from onebyone.scans.exports.pages import write_page
from onebyone.scans.exports.pictures import write_png
from onebyone.scans.exports.stripes import count_missing
from onebyone.scans.exports.tables import write_csv, write_parquet
from onebyone.scans.exports.tiff import write_tiff
from onebyone.scans.maps import Map, open_map
from onebyone.writing import check_target, replacing

ALL = (1, 2, 3)


@dataclass(frozen=True)
class Format:
    """A kind of file that a map can become.

    Attributes:
        write: writes a map to a path.
        axes: of maps that it holds.
        options: that it takes.
        labels: whether it can say whose the scores are, where a map has the best few only.
        needs: packages, and how each is installed.
    """

    write: Callable[..., None]
    axes: tuple[int, ...] = (2,)
    options: tuple[str, ...] = ()
    labels: bool = False
    needs: tuple[tuple[str, str], ...] = ()


TIFFFILE = (("tifffile", "'onebyone[scan]'"), ("imagecodecs", "'onebyone[scan]'"))
LISTED = ("top", "classes")
FORMATS = {
    ".npy": Format(write_npy, ALL),
    ".ome.tif": Format(write_ome, (2, 3), needs=TIFFFILE),
    ".tif": Format(write_tiff, needs=TIFFFILE),
    ".geojson": Format(write_geojson, options=("threshold", "classes"), labels=True),
    ".png": Format(write_png, labels=True),
    ".html": Format(write_page, options=("image",)),
    ".csv": Format(write_csv, ALL, LISTED, labels=True),
    ".parquet": Format(write_parquet, ALL, LISTED, labels=True, needs=(("pyarrow", "pyarrow"),)),
}
SHOWN = [*FORMATS]
FORMATS |= {".ome.tiff": FORMATS[".ome.tif"], ".tiff": FORMATS[".tif"]}
RASTERIO = (("rasterio", "'onebyone[geo]'"),)
GEOTIFF = Format(write_geotiff, needs=RASTERIO)
ON_EARTH = {
    ".tif": GEOTIFF,
    ".tiff": GEOTIFF,
    ".geojson": replace(FORMATS[".geojson"], needs=RASTERIO),
}
"""Formats that are others where the image has a georeference."""


def export(
    map: str | Path | Map,
    to: str | Path,
    *,
    threshold: float | None = None,
    classes: Sequence[str | int] | None = None,
    top: int | None = None,
    image: np.ndarray | None = None,
    partial: bool = False,
) -> None:
    """Write a map as a file of another format, which the file's name says by how it ends.

    `.npy` holds the scores [K, *grid]; `.tif` a band for each class, as cloud-optimised GeoTIFF
    where the image has a georeference; `.ome.tif` a pyramid that QuPath opens; `.geojson` the
    regions of each class; `.png` the class map, one pixel for each window; `.html` a page to look
    at; `.csv` and `.parquet` the windows with the highest scores. A file that exists is replaced.

    Args:
        map: the folder of a map, or a map that is open.
        to: the file to write, outside of that folder.
        threshold: least score of a window that belongs to a region (`.geojson`); default 0.5.
        classes: names or numbers of the classes that regions or windows are listed of (`.geojson`,
            `.csv`, `.parquet`); default all.
        top: windows that are listed (`.csv`, `.parquet`); default 1000.
        image: the whole image made small, [C, H, W] or [H, W], to lie under the map (`.html`).
        partial: export what there is of a map that is not finished.

    Raises:
        InputError: There is no such map, some of its windows have not been run, or the file can
            neither be written nor hold them.

    Example:
        >>> image = np.random.default_rng(0).integers(0, 256, (1, 60, 80), dtype=np.uint8)
        >>> sliding = ob.slide("nin-digits", stride=4)
        >>> run = ob.scan(image, sliding, "digits.zarr", values="probabilities")
        >>> ob.export("digits.zarr", "digits.csv", top=3)
        >>> with open("digits.csv") as file:
        ...     len(file.readlines())
        4
    """
    opened = map if isinstance(map, Map) else open_map(map)
    kind = _format(opened, to)
    given = {"threshold": threshold, "classes": classes, "top": top, "image": image}
    options = {name: value for name, value in given.items() if value is not None}
    _check_options(to, kind, options)
    _check_fit(opened, to, kind)
    _check_place(opened, to)
    if classes is not None:
        options["classes"] = numbers_of(opened, classes)
    if (missing := count_missing(opened)) and not partial:
        raise InputError(
            f"{opened.path}: {missing} of {prod(opened.grid)} windows have not been run; finish it "
            "with onebyone scan --resume, or export what there is with partial=True"
        )
    if missing:  # coarser levels are made of all windows, at the end
        opened = replace(opened, scores=opened.scores[:1])
    with replacing(to) as temporary:
        kind.write(opened, temporary, **options)


def _format(map: Map, to: str | Path) -> Format:
    name = Path(to).name.lower()
    suffix = next((known for known in FORMATS if name.endswith(known)), None)
    if suffix is None:
        raise InputError(f"{to}: give a name that ends in {', '.join(SHOWN)}")
    return (ON_EARTH if map.place and suffix in ON_EARTH else FORMATS)[suffix]


def _check_options(to: str | Path, kind: Format, options: dict[str, Any]) -> None:
    for name, value in options.items():
        if name not in kind.options:
            takers = [suffix for suffix in SHOWN if name in FORMATS[suffix].options]
            raise InputError(f"{name}: is for {', '.join(takers)}, not for {Path(to).name}")
        if name in CHECKS:
            CHECKS[name](value)


def _check_threshold(value: float) -> None:
    if not isfinite(value):
        raise InputError("give a number", threshold=value)


def _check_top(value: int) -> None:
    if value < 1:
        raise InputError("give 1 or more", top=value)


CHECKS: dict[str, Callable[[Any], None]] = {"threshold": _check_threshold, "top": _check_top}


def _check_fit(map: Map, to: str | Path, kind: Format) -> None:
    axes = len(map.grid)
    if axes not in kind.axes:
        fit = [suffix for suffix in SHOWN if axes in FORMATS[suffix].axes]
        raise InputError(f"{to}: cannot hold a map of {axes} axes; give {', '.join(fit)}")
    if map.labels is not None and not kind.labels:
        fit = [suffix for suffix in SHOWN if FORMATS[suffix].labels]
        raise InputError(
            f"{to}: cannot say whose the scores are, of which the map holds the best few; give "
            f"{', '.join(fit)}"
        )
    for package, install in kind.needs:
        if find_spec(package) is None:
            raise InputError(f"{to}: needs {package}: pip install {install}")


def _check_place(map: Map, to: str | Path) -> None:
    check_target(to)
    if Path(to).resolve().is_relative_to(map.path.resolve()):
        raise InputError(f"{to}: is inside the map {map.path}; give a file outside of it")
