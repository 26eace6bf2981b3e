"""The regions of a map's classes as GeoJSON."""

import json
from collections.abc import Iterator, Sequence
from itertools import repeat
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from onebyone.images import class_colours
from onebyone.scans.exports.classes import class_count, class_names
from onebyone.scans.exports.geometry import cell_transform, cells_of, reference_system
from onebyone.scans.exports.regions import Region, Sweep
from onebyone.scans.exports.stripes import labelled_stripes
from onebyone.scans.maps import Map
from onebyone.scans.sources.source import Georeference

DIGITS = 9  # after the point: a nanometre, or a tenth of a millimetre where degrees are meant
PIXELS = Georeference("", (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))  # as if pixels were the ground


def write_geojson(
    map: Map, path: Path, *, threshold: float = 0.5, classes: Sequence[int] | None = None
) -> None:
    """Write the regions in which a class scores at least `threshold`, as polygons with holes.

    A region are windows whose cells share edges; a cell is the stride about its window's centre.
    Places are pixels of the image's finest level, or in its coordinate reference system where it
    has one. QuPath reads the regions as annotations. Regions of several classes may overlap.
    """
    transform = cell_transform(map.place or PIXELS, cells_of(map))
    colours = class_colours(class_count(map)).tolist()
    separator = ""
    with path.open("w", encoding="utf-8") as file:
        file.write(f'{{"type":"FeatureCollection",{_reference(map)}"features":[')
        for k, region in _regions(map, threshold, classes):
            (name,) = class_names(map, [k])
            feature = _feature(region, transform, name, colours[k])
            file.write(f"{separator}\n{json.dumps(feature, ensure_ascii=False, **COMPACT)}")
            separator = ","
        file.write("\n]}\n")


COMPACT: dict[str, Any] = {"separators": (",", ":"), "allow_nan": False}


def _reference(map: Map) -> str:
    """The member that says which coordinates these are, as GDAL and QGIS read it."""
    if map.place is None:
        return ""
    code = reference_system(map).to_epsg()
    name = f"urn:ogc:def:crs:EPSG::{code}" if code else map.place.crs
    if code == 4326:  # by its own definition latitudes come first
        name = "urn:ogc:def:crs:OGC:1.3:CRS84"
    return f'"crs":{json.dumps({"type": "name", "properties": {"name": name}})},'


def _regions(
    map: Map, threshold: float, classes: Sequence[int] | None
) -> Iterator[tuple[int, Region]]:
    """Regions and their classes, as the rows go on."""
    height, width = map.grid
    sweeps: dict[int, Sweep] = {}
    for rows, scores, labels in labelled_stripes(map):
        high = scores >= threshold
        present = np.unique(np.broadcast_to(labels, high.shape)[high])
        for k in sorted({*present.tolist(), *(k for k, sweep in sweeps.items() if sweep.open)}):
            if classes is None or k in classes:
                sweep = sweeps.setdefault(k, Sweep(width))
                inside, found = _of_class(k, high, scores, labels)
                yield from zip(repeat(k), sweep.add(rows.start, inside, found))
    for k, sweep in sorted(sweeps.items()):
        yield from zip(repeat(k), sweep.end(height))


def _of_class(
    k: int, high: np.ndarray, scores: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where a class scores high enough, and how much it scores there."""
    if labels.shape != scores.shape:
        return high[k], scores[k]
    named = high & (labels == k)
    return named.any(axis=0), np.where(named, scores, 0).sum(axis=0)


def _feature(
    region: Region, transform: tuple[float, ...], name: str, colour: list[int]
) -> dict[str, Any]:
    mean = region.total / region.windows
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": _polygon(region.rings(), transform)},
        "properties": {
            "objectType": "annotation",
            "classification": {"name": name, "color": colour},
            "class": name,
            "mean": round(mean, DIGITS) if isfinite(mean) else None,
            "windows": region.windows,
        },
    }


def _polygon(rings: list[np.ndarray], transform: tuple[float, ...]) -> list[list[list[float]]]:
    """Closed rings where they lie: the outline counterclockwise, holes clockwise."""
    a, b, c, d, e, f = transform
    mirrored = a * e - b * d < 0
    polygon = []
    for number, ring in enumerate(rings):
        x, y = np.concatenate([ring, ring[:1]]).T
        points = np.stack([a * x + b * y + c, d * x + e * y + f], axis=1).round(DIGITS)
        whole = bool((points == points.round()).all())
        turned = points[::-1] if mirrored == (number == 0) else points
        polygon.append((turned.astype(np.int64) if whole else turned).tolist())
    return polygon
