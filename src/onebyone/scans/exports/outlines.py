"""Outlines of regions of cells: their corners, and the rings that these make.

A corner is a row (y, x, side_x, side_y) of whole numbers: its place on the grid's lines and, where
two corners meet at one place, on which side of it each lies.
"""

import numpy as np


def corners_of(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the corners between the rows of an array, and whose they are.

    Args:
        ids: [rows, columns]: the region of every cell, 0 outside of all. Cells that share an edge
            are of one region.

    Returns:
        Corners [n, 4] on the lines between rows, the first of which is 0, and their regions [n].
    """
    padded = np.pad(ids, ((0, 0), (1, 1)))
    inside = padded > 0
    upper, lower = inside[:-1], inside[1:]
    count = upper[:, :-1].view(np.uint8) + upper[:, 1:] + lower[:, :-1] + lower[:, 1:]
    parts = [_single(padded, *np.nonzero(count % 2))]
    falling = (count == 2) & (upper[:, :-1] == lower[:, 1:])
    y, x = np.nonzero(falling & upper[:, :-1])
    parts += [_one_of_two(padded, y, x, 0, 0), _one_of_two(padded, y, x, 1, 1)]
    y, x = np.nonzero(falling & upper[:, 1:])
    parts += [_one_of_two(padded, y, x, 1, 0), _one_of_two(padded, y, x, 0, 1)]
    corners, owners = zip(*parts, strict=True)
    return np.concatenate(corners), np.concatenate(owners)


def _single(padded: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners where one or three of four cells are inside: these three are of one region."""
    owners = np.maximum.reduce(
        [padded[y, x], padded[y, x + 1], padded[y + 1, x], padded[y + 1, x + 1]]
    )
    zeros = np.zeros_like(y)
    return np.stack([y, x, zeros, zeros], axis=1), owners


def _one_of_two(
    padded: np.ndarray, y: np.ndarray, x: np.ndarray, side_x: int, side_y: int
) -> tuple[np.ndarray, np.ndarray]:
    """Corners of one cell where two cells meet at no more than a point."""
    sides = np.full_like(y, side_x), np.full_like(y, side_y)
    return np.stack([y, x, *sides], axis=1), padded[y + side_y, x + side_x]


def rings_of(corners: np.ndarray) -> list[np.ndarray]:
    """Join the corners of one region to rings [m, 2] of (x, y), the first point not repeated.

    The first ring is the outline, with the inside at the right of who walks it and y downwards;
    the others are holes, walked the same way round. Rings touch at points at most.
    """
    y, x, side_x, side_y = corners.T
    side_y = side_y ^ _meeting(y, x)
    across = np.lexsort((side_x, x, y))
    beside, below = _partners(across), _partners(np.lexsort((side_y, y, x)))
    seen = [False] * len(corners)
    rings = []
    for start in across.tolist():
        if seen[start]:
            continue
        ring, corner = [], start
        while not seen[corner]:
            end = beside[corner]
            seen[corner] = seen[end] = True
            ring += [corner, end]
            corner = below[end]
        rings.append(corners[ring][:, 1::-1])
    return rings


def _meeting(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Whether two corners of a region meet, at each.

    The two cells there are joined elsewhere, around a hole or a bay. Were each to keep its corner,
    the outline would pass the place twice, which no valid polygon does; with corners exchanged the
    hole is a ring of its own.
    """
    order = np.lexsort((x, y))
    same = (np.diff(y[order]) == 0) & (np.diff(x[order]) == 0)
    meeting = np.zeros(len(y), dtype=np.int64)
    meeting[order[:-1][same]] = meeting[order[1:][same]] = 1
    return meeting


def _partners(order: np.ndarray) -> list[int]:
    """The other end of each corner's edge: corners on a line are the ends of edges in turn."""
    partners = np.empty_like(order)
    partners[order[::2]], partners[order[1::2]] = order[1::2], order[::2]
    found: list[int] = partners.tolist()
    return found
