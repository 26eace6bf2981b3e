"""Which windows are run: those of which a part lies in the foreground."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from onebyone.errors import InputError
from onebyone.scans.sources.source import Source
from onebyone.scans.sources.thumbnail import thumbnail
from onebyone.wording import by

TISSUE = "tissue"
_SIDE = 2048
"""Pixels of the longer side of the picture that tissue is looked for in."""


@dataclass(frozen=True)
class Mask:
    """The foreground of an image.

    Attributes:
        before: how many of its cells are in the foreground before each corner of the mask along
            all axes; differences count those of any block.
        size: pixels of the image that the mask covers.
    """

    before: np.ndarray
    size: tuple[int, ...]

    @property
    def digest(self) -> str:
        """A number that tells masks apart."""
        return sha256(self.before.tobytes() + repr(self.before.shape).encode()).hexdigest()

    def holds(self, starts: Sequence[np.ndarray], window: Sequence[int]) -> np.ndarray:
        """Whether windows have a part in the foreground.

        Args:
            starts: the first pixels of the windows along each axis.
            window: their sizes in pixels.
        """
        found = self.before
        axes = zip(starts, window, self.size, self.before.shape, strict=True)
        for axis, (first, extent, pixels, corners) in enumerate(axes):
            cells = corners - 1
            low = np.clip(first * cells // pixels, 0, cells - 1)
            high = np.clip(-(-(first + extent) * cells // pixels), 1, cells)
            found = found.take(high, axis) - found.take(low, axis)
        return found > 0


def mask_of(cells: np.ndarray, size: Sequence[int]) -> Mask:
    """The mask of an image of a size, whose cells are in the foreground where they are not 0."""
    before = np.pad((cells != 0).astype(np.int64), [(1, 0)] * cells.ndim)
    for axis in range(cells.ndim):
        np.cumsum(before, axis, out=before)
    return Mask(before, tuple(size))


def find_mask(mask: str | Path | np.ndarray, source: Source) -> Mask:
    """The mask that is asked for.

    Args:
        mask: "tissue"; a picture, whose pixels are in the foreground where a channel is not 0; or
            an array of cells.
        source: the image, of one level.

    Raises:
        InputError: it has another aspect than the image, or nothing in the foreground.
    """
    size = source.levels[0].size
    if isinstance(mask, str) and mask == TISSUE:
        return mask_of(_tissue(source), size)
    if isinstance(mask, np.ndarray):
        name, cells = "mask", np.asarray(mask)
    else:
        from onebyone.images import read_image

        name, cells = str(mask), np.asarray(read_image(Path(mask)).any(axis=0))
    if cells.ndim != len(size) or 0 in cells.shape:
        raise InputError(f"{name}: a mask of shape {cells.shape} does not cover {by(size)} pixels")
    _refuse_aspect(name, cells.shape, size)
    if not cells.any():
        raise InputError(f"{name}: has no foreground: all of its pixels are 0")
    return mask_of(cells, size)


def _refuse_aspect(name: str, shape: Sequence[int], size: Sequence[int]) -> None:
    """Refuse a mask that is stretched by more than a cell of its own, and 1 %."""
    scales = [n / m for n, m in zip(size, shape, strict=True)]
    for n, m in zip(size, shape, strict=True):
        if abs(n / max(scales) - m) > 1 + m / 100:
            raise InputError(
                f"{name}: a mask of {by(shape)} has another aspect than the image, {by(size)}"
            )


def _tissue(source: Source) -> np.ndarray:
    """Cells that are more saturated than the background, by Otsu's threshold (1979)."""
    size = source.levels[0].size
    if source.channels != 3 or len(size) != 2 or source.dtype != np.uint8:
        raise InputError(
            f"{source.name}: tissue is looked for in colours of 8 bits; give a mask as a picture"
        )
    pixels = thumbnail(source, _SIDE)
    most, least = pixels.max(axis=0), pixels.min(axis=0)
    saturation = np.where(most > 0, (most - least) / np.maximum(most, 1), 0)
    cells = saturation > _otsu(saturation)
    if not cells.any():
        raise InputError(f"{source.name}: no tissue is seen: all of it is of one colour")
    return cells


def _otsu(numbers: np.ndarray) -> float:
    """The threshold that divides numbers from 0 to 1 into the two most different classes."""
    counts, edges = np.histogram(numbers, 256, (0, 1))
    centres = (edges[:-1] + edges[1:]) / 2
    below, total = np.cumsum(counts), np.cumsum(counts * centres)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = total / below - (total[-1] - total) / above
    between = np.nan_to_num(below * above * apart**2)
    return float(edges[1 + int(between.argmax())])
