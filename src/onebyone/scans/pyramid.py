"""Coarser levels of a map: each window of them is the mean of two along every axis."""

from dataclasses import dataclass

import numpy as np

from onebyone.scans.store import Store


@dataclass(frozen=True)
class Coarser:
    """The tiles of one level, each made of those of the level before.

    Attributes:
        store: the map.
        level: from 1 on.
    """

    store: Store
    level: int

    def run(self, number: int) -> None:
        """Make one tile.

        Raises:
            OSError: it cannot be written.
        """
        layout = self.store.layout
        tiling, finer = layout.levels[self.level], layout.levels[self.level - 1]
        windows = tiling.windows(number)
        axes = zip(windows, finer.grid, strict=True)
        below = [range(2 * axis.start, min(2 * axis.stop, n)) for axis, n in axes]
        numbers = self.store.read(layout.paths[self.level - 1], below)
        none = np.isnan(numbers) if numbers.dtype.kind == "f" else numbers == _most(numbers)
        found = _means(np.where(none, 0, numbers).astype(np.float32), ~none)
        if numbers.dtype.kind == "f":
            kept = found.astype(numbers.dtype)
        else:
            kept = np.nan_to_num(np.rint(found), nan=_most(numbers)).astype(numbers.dtype)
        self.store.write(layout.paths[self.level], windows, kept)


def _most(numbers: np.ndarray) -> int:
    """The whole number that stands for none."""
    return int(np.iinfo(numbers.dtype).max)


def _means(numbers: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The means of two by two numbers [K, *grid] of those that are there; NaN where none is."""
    count = there.astype(np.float32)
    for axis in range(1, numbers.ndim):
        numbers, count = _pairs(numbers, axis), _pairs(count, axis)
    with np.errstate(invalid="ignore"):
        found: np.ndarray = numbers / count
    return found


def _pairs(numbers: np.ndarray, axis: int) -> np.ndarray:
    """The sums of every two numbers along an axis; the last may be alone."""
    return np.add.reduceat(numbers, np.arange(0, numbers.shape[axis], 2), axis=axis)
