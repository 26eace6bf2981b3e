"""The windows with the highest scores as a table."""

import csv
from collections.abc import Sequence
from pathlib import Path

from onebyone.scans.exports.best import Best, best_windows
from onebyone.scans.exports.classes import class_names
from onebyone.scans.exports.geometry import cells_of, on_earth
from onebyone.scans.maps import Map

TOP = 1000
INDICES, AXES = ("plane", "row", "column"), ("z", "y", "x")

Columns = dict[str, list[int] | list[float] | list[str]]


def write_csv(
    map: Map, path: Path, *, top: int = TOP, classes: Sequence[int] | None = None
) -> None:
    """Write a row for each of the windows with the highest scores, as `columns_of` has them."""
    columns = columns_of(map, best_windows(map, top, classes))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def write_parquet(
    map: Map, path: Path, *, top: int = TOP, classes: Sequence[int] | None = None
) -> None:
    """Write the table of `write_csv` as Parquet."""
    import pyarrow
    from pyarrow import parquet

    columns = columns_of(map, best_windows(map, top, classes))
    parquet.write_table(pyarrow.table({**columns, "score": pyarrow.array(columns["score"])}), path)


def columns_of(map: Map, best: Best) -> Columns:
    """The table's columns: where each window is, its class and its score.

    `row` and `column` count windows; `y` and `x` are the window's centre in pixels of the image's
    finest level, from its corner; `y_um` and `x_um` are micrometres, if the spacing is known;
    `east` and `north` are coordinates of the image's reference system, if it has one.
    """
    cells, axes = cells_of(map), len(map.grid)
    names = AXES[-axes:]
    columns: Columns = {
        name: best.windows[:, axis].tolist() for axis, name in enumerate(INDICES[-axes:])
    }
    centres = [
        cells.origin[axis] + cells.step[axis] * (best.windows[:, axis] + 0.5)
        for axis in range(axes)
    ]
    columns |= {name: centre.tolist() for name, centre in zip(names, centres, strict=True)}
    if map.spacing is not None:
        for name, centre, spacing, shrink in zip(
            names, centres, map.spacing, map.shrink, strict=True
        ):
            columns[f"{name}_um"] = (centre * (spacing / shrink)).tolist()
    if map.place is not None and axes == 2:
        east, north = on_earth(map.place, *centres)
        columns |= {"east": east.tolist(), "north": north.tolist()}
    columns["class"] = class_names(map, best.classes.tolist())
    columns["score"] = [float(str(score)) for score in best.scores]
    return columns
