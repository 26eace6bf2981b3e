"""A grid of windows in tiles, each of which is run and written as a whole."""

from dataclasses import dataclass
from math import prod

import numpy as np


@dataclass(frozen=True)
class Tiling:
    """Tiles of one size, from the first window on; the last along an axis may be smaller.

    Attributes:
        grid: windows along each axis.
        shape: windows of a tile along each axis.
    """

    grid: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Tiles along each axis."""
        return tuple(-(-n // m) for n, m in zip(self.grid, self.shape, strict=True))

    def __len__(self) -> int:
        return prod(self.counts)

    def place(self, number: int) -> tuple[int, ...]:
        """The place of a tile along each axis."""
        return tuple(int(n) for n in np.unravel_index(number, self.counts))

    def windows(self, number: int) -> tuple[range, ...]:
        """The windows of a tile along each axis."""
        axes = zip(self.place(number), self.shape, self.grid, strict=True)
        return tuple(range(p * m, min((p + 1) * m, n)) for p, m, n in axes)

    def ordered(self, numbers: np.ndarray) -> np.ndarray:
        """Tiles in Morton's order, in which neighbours follow each other along every axis."""
        places = np.unravel_index(numbers, self.counts)
        bits = max(self.counts).bit_length()
        key = np.zeros(len(numbers), object if bits * len(places) > 62 else np.int64)
        for bit in range(bits):
            for axis, place in enumerate(reversed(places)):
                key |= ((place >> bit) & 1).astype(key.dtype) << (bit * len(places) + axis)
        return numbers[np.argsort(key, kind="stable")]

    def coarser(self) -> "Tiling":
        """The tiling of half as many windows along each axis."""
        return Tiling(tuple(-(-n // 2) for n in self.grid), self.shape)
