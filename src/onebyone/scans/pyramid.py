"""Coarser levels of a map: each window of them is the mean of two along every axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from onebyone.errors import InputError, first_line
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
            InputError: a tile that it is made of is damaged; that is removed, so that it is made
                again.
            OSError: it cannot be written.
        """
        layout = self.store.layout
        tiling, finer = layout.levels[self.level], layout.levels[self.level - 1]
        windows = tiling.windows(number)
        axes = zip(windows, finer.grid, strict=True)
        below = [range(2 * axis.start, min(2 * axis.stop, n)) for axis, n in axes]
        numbers = self._read(below)
        none = np.isnan(numbers) if numbers.dtype.kind == "f" else numbers == _most(numbers)
        found = _means(np.where(none, 0, numbers).astype(np.float32), ~none)
        if numbers.dtype.kind == "f":
            kept = found.astype(numbers.dtype)
        else:
            kept = np.nan_to_num(np.rint(found), nan=_most(numbers)).astype(numbers.dtype)
        self.store.write(layout.paths[self.level], windows, kept)

    def _read(self, below: Sequence[range]) -> np.ndarray:
        path = self.store.layout.paths[self.level - 1]
        try:
            return self.store.read(path, below)
        except OSError:
            raise
        except Exception as error:  # codecs raise errors of any kind
            damaged = self._remove_damaged(path, below)
            raise InputError(
                f"{', '.join(map(str, damaged))}: damaged ({first_line(error)}), and removed"
            ) from error

    def _remove_damaged(self, path: str, below: Sequence[range]) -> list[Path]:
        """Remove the tiles of a part of a level that cannot be read; their files."""
        tiling = self.store.layout.levels[self.level - 1]
        axes = zip(below, tiling.shape, strict=True)
        places = product(*(range(r.start // m, -(-r.stop // m)) for r, m in axes))
        found = []
        for place in places:
            number = int(np.ravel_multi_index(place, tiling.counts))
            try:
                self.store.read(path, tiling.windows(number))
            except Exception:
                found.append(self.store.file(path, place))
                self.store.forget(path, place)
        return found


def _most(numbers: np.ndarray) -> int:
    """The whole number that stands for none."""
    return int(np.iinfo(numbers.dtype).max)


def _means(numbers: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The means of two by two numbers [K, *grid] of those that are there; NaN where none is."""
    # Sums of scaled numbers do not overflow; by a power of two no bit of the means changes.
    share = np.float32(0.5 ** (numbers.ndim - 1))
    count = there.astype(np.float32)
    with np.errstate(invalid="ignore"):  # of no number at all, or of infinities of both signs
        numbers = numbers * share
        for axis in range(1, numbers.ndim):
            numbers, count = _pairs(numbers, axis), _pairs(count, axis)
        found: np.ndarray = numbers / (count * share)
    return found


def _pairs(numbers: np.ndarray, axis: int) -> np.ndarray:
    """The sums of every two numbers along an axis; the last may be alone."""
    return np.add.reduceat(numbers, np.arange(0, numbers.shape[axis], 2), axis=axis)
