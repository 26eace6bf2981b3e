"""The windows with the highest scores as a table."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from onebyone.scans.exports.best import Best, best_windows
from onebyone.scans.exports.classes import class_names
from onebyone.scans.exports.geometry import cells_of, on_earth
from onebyone.scans.maps import Map

TOP = 1000
INDICES, AXES = ("plane", "row", "column"), ("z", "y", "x")

DIGITS = 9  # after the point, as in GeoJSON


def write_csv(
    map: Map, path: Path, *, top: int = TOP, classes: Sequence[int] | None = None
) -> None:
    """Write a row for each of the windows with the highest scores, as `columns_of` has them."""
    columns = columns_of(map, best_windows(map, top, classes))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def write_parquet(
    map: Map, path: Path, *, top: int = TOP, classes: Sequence[int] | None = None
) -> None:
    """Write the table of `write_csv` as Parquet."""
    import pyarrow
    from pyarrow import parquet

    columns = columns_of(map, best_windows(map, top, classes))
    parquet.write_table(pyarrow.table(columns), path)


def columns_of(map: Map, best: Best) -> dict[str, np.ndarray]:
    """The table's columns: where each window is, its class and its score.

    `row` and `column` count windows; `y` and `x` are the window's centre in pixels of the image's
    finest level, from its corner; `y_um` and `x_um` are micrometres, if the spacing is known;
    `east` and `north` are coordinates of the image's reference system, if it has one.
    """
    cells, axes = cells_of(map), len(map.grid)
    names = AXES[-axes:]
    places = [*best.windows.T]
    centres = [
        origin + step * (place + 0.5)
        for origin, step, place in zip(cells.origin, cells.step, places, strict=True)
    ]
    columns = dict(zip(INDICES[-axes:], places, strict=True)) | dict(
        zip(names, centres, strict=True)
    )
    if map.spacing is not None:
        finest = [each / shrink for each, shrink in zip(map.spacing, map.shrink, strict=True)]
        columns |= {
            f"{name}_um": (centre * spacing).round(DIGITS)
            for name, centre, spacing in zip(names, centres, finest, strict=True)
        }
    if map.place is not None and axes == 2:
        east, north = on_earth(map.place, *centres)
        columns |= {"east": east.round(DIGITS), "north": north.round(DIGITS)}
    # As numbers of 64 bits that are written as those of 32 are: 0.1 and not 0.10000000149.
    scores = best.scores.astype(str).astype(np.float64)
    named = np.array(class_names(map, best.classes.tolist()), dtype=np.str_)
    return columns | {"class": named, "score": scores}
