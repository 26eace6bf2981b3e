"""TIFF pixels as they are meant: palettes looked up, white as the largest number."""

from collections.abc import Callable
from typing import Any

import numpy as np

PALETTE, WHITE_IS_ZERO, YCBCR = 3, 0, 6  # photometric interpretations
JPEG = (6, 7, 34892, 33007)  # compressions that decode to RGB, with tables outside of the tiles
ALPHA = (1, 2)  # what TIFF says of an extra sample that is one


class Converted:
    """An array whose numbers are changed as they are read.

    Attributes:
        axes: a letter for each axis.
        shape: of the array.
        dtype: of its numbers after the change.
    """

    def __init__(
        self,
        array: Any,
        axes: str,
        dtype: np.dtype[Any],
        change: Callable[[np.ndarray], np.ndarray],
        samples: int | None = None,
    ) -> None:
        self._array, self._change, self._samples = array, change, samples
        self.axes = axes + "S" if samples else axes
        self.shape = (*array.shape, samples) if samples else tuple(array.shape)
        self.dtype = dtype

    def __getitem__(self, where: tuple[slice, ...]) -> np.ndarray:
        """Numbers at a slice for each axis."""
        if self._samples is None:
            return self._change(np.asarray(self._array[where]))
        return self._change(np.asarray(self._array[where[:-1]]))[..., where[-1]]


def converted(array: Any, axes: str, page: Any) -> Any:
    """The array of a level whose numbers mean what they say: large is light.

    Raises:
        ValueError: its colours are stored in a way that is not read.
    """
    photometric, dtype = int(page.photometric), np.dtype(array.dtype)
    if photometric == YCBCR and page.compression not in JPEG and page.samplesperpixel > 1:
        raise ValueError("its colours are YCbCr; save it as RGB")
    if photometric == PALETTE and page.colormap is not None:
        palette = (page.colormap >> 8).astype(np.uint8).T  # [numbers, 3]
        return Converted(array, axes, palette.dtype, lambda pixels: palette[pixels], 3)
    if dtype.kind == "b":
        light = photometric != WHITE_IS_ZERO
        return Converted(
            array, axes, np.dtype(np.uint8), lambda pixels: np.uint8(255) * (pixels == light)
        )
    if photometric == WHITE_IS_ZERO and dtype.kind == "u":
        most = dtype.type(2 ** int(page.bitspersample) - 1)
        return Converted(array, axes, dtype, lambda pixels: most - pixels)
    return Converted(array, axes, dtype, lambda pixels: pixels)


def alpha_samples(page: Any) -> list[int]:
    """Which samples of a page are an alpha channel."""
    first = page.samplesperpixel - len(page.extrasamples)
    return [first + n for n, kind in enumerate(page.extrasamples) if int(kind) in ALPHA]
