"""A map row by row, as much at a time as memory holds of any map."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import lcm, prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from onebyone.errors import InputError, first_line
from onebyone.scans.maps import NOT_RUN, Map

STRIPE = 2**25  # bytes of a stripe as float32; whole rows of chunks are taken as far as they fit


def rows_of(array: zarr.Array[Any], multiple: int = 1) -> Iterator[slice]:
    """Give stripes of an array [K, *grid], as slices of its first grid axis.

    Args:
        array: scores or labels.
        multiple: rows of each stripe but the last are a multiple of it.
    """
    count, chunk = array.shape[1], array.chunks[1]
    of_row = 4 * array.shape[0] * prod(array.shape[2:])
    rows = lcm(multiple, chunk)
    while rows > multiple and rows * of_row > STRIPE:  # a row of chunks is then decoded again
        rows = max(multiple, rows // 2 // multiple * multiple)
    rows = max(rows, STRIPE // max(1, of_row) // rows * rows)
    for top in range(0, count, rows):
        yield slice(top, min(count, top + rows))


def stripes(map: Map, level: int = 0, *, multiple: int = 1) -> Iterator[tuple[slice, np.ndarray]]:
    """Give the scores [K, rows, ...] of one level stripe by stripe, and which rows they are.

    Raises:
        InputError: they cannot be read.
    """
    for rows in rows_of(map.scores[level], multiple):
        with reading(map, rows):
            found = map.read(level, (rows,))
        yield rows, found


def labelled_stripes(
    map: Map, *, multiple: int = 1
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Give stripes of the finest level as `stripes` does, and the class of every score.

    Classes [K, rows, ...] are those that the map names, or else [K, 1, ...], the numbers from 0.

    Raises:
        InputError: they cannot be read.
    """
    for rows, scores in stripes(map, multiple=multiple):
        labels = np.arange(len(scores)).reshape(-1, *(1,) * len(map.grid))
        if map.labels is not None:
            with reading(map, rows):
                labels = np.asarray(map.labels[(slice(None), rows)])
        yield rows, scores, labels


@contextmanager
def reading(map: Map, rows: slice) -> Iterator[None]:
    """Say of an error in the block what could not be read."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged chunk raises whatever its codec does
        message = f"{map.path}: rows {rows.start}:{rows.stop} cannot be read ({first_line(error)})"
        raise InputError(message) from error


def count_missing(map: Map) -> int:
    """Count the windows of a map that have not been run.

    Raises:
        InputError: what was run cannot be read.
    """
    missing = prod(map.grid)
    for rows in _rows_run(map):
        with reading(map, rows):
            missing -= int(np.count_nonzero(np.asarray(map.state[rows]) != NOT_RUN))
    return missing


def _rows_run(map: Map) -> Iterator[slice]:
    """Stripes of those rows of chunks of which any has been run.

    A map that is damaged may say that it has endless rows.
    """
    chunk, last = map.state.chunks[0], map.grid[0]
    most = max(1, STRIPE // (chunk * prod(map.grid[1:])))
    names = _names(map.path / map.state.path / "c")
    numbers = sorted({number for number in names if number * chunk < last})
    begin = 0
    while begin < len(numbers):
        first, count = numbers[begin], 1
        while count < most and numbers[begin + count : begin + count + 1] == [first + count]:
            count += 1
        yield slice(first * chunk, min((first + count) * chunk, last))
        begin += count


def _names(folder: Path) -> list[int]:
    """The numbers that are names in a folder."""
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    return [int(name) for name in names if re.fullmatch("[0-9]{1,18}", name)]
