"""From a map of class scores to lines of digits, as LeCun's group read numbers in the 1990s."""

from itertools import pairwise, zip_longest
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.ndimage import uniform_filter
from scipy.special import softmax

from onebyone.errors import InputError
from onebyone.nin.data import BACKGROUND

RADIUS = 2
"""Of two digits found within this many windows of each other on both axes, the surer one stays."""

LINE_GAP = 3
"""Digits whose rows differ by at least this many windows, with none between, are on two lines."""

PRESENCE = 0.5
"""Least mean probability of a digit over 3×3 windows for a digit to be there."""


class Found(NamedTuple):
    """A digit on a map: the row and column of its window, its label and how present it is.

    Example:
        >>> scores = np.zeros((11, 9, 9), dtype=np.float32)
        >>> scores[10], scores[7, 3:6, 3:6] = 3, 30  # background, and a seven in the middle
        >>> [found] = ob.nin.find_digits(scores)
        >>> found.label, found.row, found.column, round(found.presence, 2)
        (7, 4, 4, 1.0)
    """

    row: int
    column: int
    label: int
    presence: float


def find_digits(scores: Float[np.ndarray, "K ny nx"]) -> list[Found]:
    """Find the digits on a map of scores: peaks of not being background, strongest first.

    Args:
        scores: Scores of windows at a stride of 4 pixels; the last class is background.

    Raises:
        InputError: The map has not eleven classes.

    Example:
        >>> scores = np.zeros((11, 9, 20), dtype=np.float32)
        >>> scores[10] = 3  # background everywhere, but for a four and a two
        >>> scores[4, 3:6, 3:6] = scores[2, 3:6, 12:15] = 30
        >>> [(found.label, found.row, found.column) for found in ob.nin.find_digits(scores)]
        [(4, 4, 4), (2, 4, 13)]
    """
    if scores.ndim != 3 or len(scores) != BACKGROUND + 1:
        raise InputError(f"scores has shape {scores.shape}: it needs to be (11, ny, nx).")
    # Means over 3×3 windows: a digit shows in two or three on each axis, and they vote.
    votes = uniform_filter(softmax(scores, axis=0), size=(1, 3, 3), mode="nearest")
    presence = 1 - votes[BACKGROUND]
    rows, columns = np.nonzero(presence > PRESENCE)
    found: list[Found] = []
    for place in np.argsort(-presence[rows, columns], kind="stable"):
        row, column = int(rows[place]), int(columns[place])
        if all(max(abs(row - f.row), abs(column - f.column)) > RADIUS for f in found):
            label = int(votes[:BACKGROUND, row, column].argmax())
            found.append(Found(row, column, label, float(presence[row, column])))
    return found


def read_lines(scores: Float[np.ndarray, "K ny nx"]) -> list[str]:
    """Read the lines of digits on a map of scores, from the top, each from the left.

    Args:
        scores: Scores of windows at a stride of 4 pixels; the last class is background.

    Raises:
        InputError: The map has not eleven classes.

    Example:
        >>> scores = np.zeros((11, 9, 20), dtype=np.float32)
        >>> scores[10] = 3  # background everywhere, but for a four and a two
        >>> scores[4, 3:6, 3:6] = scores[2, 3:6, 12:15] = 30
        >>> ob.nin.read_lines(scores)
        ['42']
    """
    found = sorted(find_digits(scores))
    breaks = [i for i, (a, b) in enumerate(pairwise(found), 1) if b.row - a.row >= LINE_GAP]
    bounds = pairwise([0, *breaks, len(found)])
    lines = [sorted(found[first:last], key=lambda f: f.column) for first, last in bounds]
    return ["".join(str(f.label) for f in line) for line in lines if line]


def share_right(read: list[str], true: list[str]) -> float:
    """Measure the share of digits read rightly: one less the edits needed per true digit.

    Lines are compared in order; edits are insertions, deletions and replacements.

    Example:
        >>> ob.nin.share_right(read=["123", "4"], true=["123", "46"])  # one edit for five digits
        0.8
    """
    edits = sum(edit_distance(a, b) for a, b in zip_longest(read, true, fillvalue=""))
    return 1 - edits / sum(map(len, true))


def edit_distance(a: str, b: str) -> int:
    """Count the insertions, deletions and replacements that turn one string into another.

    Example:
        >>> ob.nin.edit_distance("1234", "1244"), ob.nin.edit_distance("1234", "124")
        (1, 1)
    """
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            replaced = diagonal + (left != right)
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, replaced)
    return row[-1]
