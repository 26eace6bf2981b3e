"""A map made small enough to be looked at whole."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from onebyone.scans.exports.stripes import stripes
from onebyone.scans.maps import Map


@dataclass(frozen=True)
class Overview:
    """What a map is looked at as: one of its levels, or means of the coarsest.

    Attributes:
        level: of the map.
        factor: its scores along each side of which one is the mean.
        grid: scores along each axis.
    """

    level: int
    factor: int
    grid: tuple[int, int]

    @property
    def merged(self) -> int:
        """Windows along each side of which a score is the mean."""
        return int(2**self.level * self.factor)


def find_overview(map: Map, fits: Callable[[int, int], bool]) -> Overview:
    """Find the finest level that fits; where none does, the means of so many scores as do.

    Args:
        map: of two axes.
        fits: whether rows and columns are few enough.
    """
    for level, scores in enumerate(map.scores):
        found = Overview(level, 1, (scores.shape[1], scores.shape[2]))
        if fits(*found.grid):
            return found
    while not fits(*found.grid) and max(found.grid) > 1:
        rows, columns = map.scores[-1].shape[1:]
        factor = 2 * found.factor
        found = Overview(found.level, factor, (-(-rows // factor), -(-columns // factor)))
    return found


def overview_stripes(map: Map, found: Overview) -> Iterator[tuple[slice, np.ndarray]]:
    """Give the scores [K, rows, columns] of an overview stripe by stripe, and which rows."""
    factor = found.factor
    for rows, scores in stripes(map, found.level, multiple=factor):
        means = scores if factor == 1 else _means(scores, factor)
        top = rows.start // factor
        yield slice(top, top + means.shape[1]), means


def _means(scores: np.ndarray, factor: int) -> np.ndarray:
    """Means of the scores there are, NaN where there are none."""
    fill = [(0, 0), *((0, -side % factor) for side in scores.shape[1:])]
    padded = np.pad(scores, fill, constant_values=np.nan)
    count, rows, columns = padded.shape
    blocks = padded.reshape(count, rows // factor, factor, columns // factor, factor)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        means: np.ndarray = np.nanmean(blocks, axis=(2, 4))
    return means
