"""Pages of handwritten digits in lines, laid out at random: to train on, and one to read."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from onebyone.errors import InputError
from onebyone.nin.data import SIDE, Digits, load_digits

MARGIN = SIDE // 2
"""Least distance of a digit's centre from the border of its page, in pixels."""

MIN_PITCH = 14
"""Least distance between the centres of neighbours, in pixels."""


class Page(NamedTuple):
    """A page of digits: the image, ink 255 on ground 0, and where its digits are.

    `centres` holds row and column, in pixels from the top left, of the corner at the middle of
    each digit's 28×28 image; `labels` its digit; `lines` the number of its line. All in the
    order of reading.

    Example:
        >>> digits = ob.nin.Digits(np.full((9, 28, 28), 255, np.uint8), np.arange(1, 10))
        >>> page = ob.nin.lay_out(digits, 140, 280, np.random.default_rng(0))
        >>> page.text, page.centres.shape, page.lines
        (['12345', '6789'], (9, 2), array([0, 0, 0, 0, 0, 1, 1, 1, 1]))
    """

    image: UInt8[np.ndarray, "height width"]
    centres: Int[np.ndarray, "n 2"]
    labels: Int[np.ndarray, " n"]
    lines: Int[np.ndarray, " n"]

    @property
    def text(self) -> list[str]:
        """The lines as strings of digits."""
        return [
            "".join(map(str, self.labels[self.lines == line]))
            for line in range(self.lines.max(initial=-1) + 1)
        ]


def lay_out(
    digits: Digits,
    height: int,
    width: int,
    rng: np.random.Generator,
) -> Page:
    """Write digits in lines on a page until the page is full or the digits are used up.

    Lines start and end at random columns; each digit stands up to 3 pixels above or below its
    line. Between the ink of neighbours lie 3 to 16 pixels, and more where their centres would be
    less than 14 apart.

    Args:
        digits: Digits in the order of writing.
        height: Height of the page, in pixels.
        width: Width of the page, in pixels.
        rng: Source of all positions.

    Raises:
        InputError: The page has no room for a line of digits.

    Example:
        >>> digits = ob.nin.Digits(np.full((9, 28, 28), 255, np.uint8), np.arange(1, 10))
        >>> ob.nin.lay_out(digits, 140, 280, np.random.default_rng(0)).text
        ['12345', '6789']
    """
    if height < 2 * SIDE or width < 4 * SIDE:
        raise InputError(
            f"height, width = {height}, {width}: a page needs {2 * SIDE}×{4 * SIDE} pixels or more."
        )
    left, right = _ink_extents(digits.images)
    image = np.zeros((height, width), dtype=np.uint8)
    centres: list[tuple[int, int]] = []
    lines: list[int] = []
    line, row = 0, MARGIN + 4
    column, end = _line_ends(width, rng)
    for index in range(len(digits.labels)):
        if column > end:
            line, row = line + 1, row + int(rng.integers(38, 50))
            column, end = _line_ends(width, rng)
        if row > height - MARGIN - 4:
            break
        centre = (row + int(rng.integers(-3, 4)), column)
        top, first = (place - SIDE // 2 for place in centre)
        ground = image[top : top + SIDE, first : first + SIDE]
        np.maximum(ground, digits.images[index], out=ground)
        centres.append(centre)
        lines.append(line)
        if index + 1 < len(digits.labels):
            gap = int(rng.integers(3, 17))
            column += max(MIN_PITCH, int(right[index] + gap + left[index + 1]))
    return Page(
        image,
        np.array(centres, dtype=np.int64),
        digits.labels[: len(centres)],
        np.array(lines, dtype=np.int64),
    )


def _line_ends(width: int, rng: np.random.Generator) -> tuple[int, int]:
    """Draw the first column of a line's centres, and the column after which it stops."""
    indent = int(rng.integers(MARGIN, 3 * SIDE))
    return indent, width - MARGIN - int(rng.integers(0, width // 4))


def _ink_extents(
    images: UInt8[np.ndarray, "n 28 28"],
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Measure how far ink reaches left and right of each image's middle, in pixels."""
    inked = np.any(images > 64, axis=1)
    return SIDE // 2 - np.argmax(inked, axis=1), SIDE // 2 - np.argmax(inked[:, ::-1], axis=1)


def held_out_page(height: int = 560, width: int = 840, seed: int = 2) -> Page:
    """Lay out the page of held-out digits that is bundled for the demonstration.

    Example:
        >>> page = ob.nin.held_out_page()
        >>> page.image.shape, page.text[0]
        ((560, 840), '2490795099898213113444764628')
    """
    _, held_out = load_digits()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(held_out.labels))
    return lay_out(Digits(held_out.images[order], held_out.labels[order]), height, width, rng)
