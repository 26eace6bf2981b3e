"""A map row by row, as much at a time as memory holds of any map."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import lcm, prod
from typing import Any

import numpy as np
import zarr

from onebyone.errors import InputError, first_line
from onebyone.scans.maps import NOT_RUN, Map

STRIPE = 2**25  # bytes of a stripe as float32; whole rows of chunks are taken as far as they fit
_DIGITS = 20  # of the number of a row of chunks, at most


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
    chunk, of_row = map.state.chunks[0], prod(map.grid[1:])
    step = max(chunk, STRIPE // of_row // chunk * chunk)
    missing = prod(map.grid)
    for top in sorted({number * chunk // step * step for number in _rows_there(map)}):
        rows = slice(top, min(map.grid[0], top + step))
        with reading(map, rows):
            missing -= int(np.count_nonzero(np.asarray(map.state[rows]) != NOT_RUN))
    return missing


def _rows_there(map: Map) -> Iterator[int]:
    """The rows of chunks of which any has been run; a damaged map may say that it has endless."""
    folder = map.path / map.state.path / "c"
    if not folder.is_dir():
        return
    for each in folder.iterdir():
        if each.name.isascii() and each.name.isdigit():
            number = int(each.name[:_DIGITS])
            if number * map.state.chunks[0] < map.grid[0]:
                yield number
