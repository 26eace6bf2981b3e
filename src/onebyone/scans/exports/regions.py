"""Connected regions of cells, found row by row."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from onebyone.scans.exports.outlines import corners_of, rings_of


@dataclass
class Region:
    """Cells that hang together by their edges.

    Attributes:
        windows: how many cells.
        total: sum of their scores.
        corners: of its outline and holes, in parts [n, 4] as `outlines` has them.
    """

    windows: int = 0
    total: float = 0.0
    corners: list[np.ndarray] = field(default_factory=list)

    def take(self, other: "Region") -> None:
        """Take up a region that turns out to be a part of this."""
        self.windows += other.windows
        self.total += other.total
        self.corners += other.corners

    def rings(self) -> list[np.ndarray]:
        """Its outline and its holes, as `rings_of` gives them."""
        return rings_of(np.concatenate(self.corners))


class Sweep:
    """Regions of one class, from the top row of a map to the last.

    It holds the regions that reach the last row it has seen: what it takes grows with their
    outlines and not with the map.
    """

    def __init__(self, width: int) -> None:
        self._row = np.zeros(width, np.int32)  # regions in the last row, numbered from 1
        self._open: list[Region] = []

    @property
    def open(self) -> bool:
        """Whether some region reaches the last row."""
        return bool(self._open)

    def add(self, top: int, inside: np.ndarray, scores: np.ndarray) -> Iterator[Region]:
        """Go on by some rows, and give the regions that end above the last.

        Args:
            top: the first row; they follow those of the call before, if a region is open.
            inside: [rows, columns], whether each cell is in a region.
            scores: [rows, columns].
        """
        from scipy import ndimage  # takes half as long to import as all else of scans

        labels, count = ndimage.label(inside)
        ids = np.concatenate([self._row[None], np.where(labels, labels + len(self._open), 0)])
        regions = [Region(), *self._open, *(Region() for _ in range(count))]
        number, roots = self._joined(ids, len(regions))
        self._measure(ids[1:], scores, regions)
        corners, owners = corners_of(ids)
        corners[:, 0] += top
        whole: list[Region] = [Region() for _ in range(number)]
        for region, root in zip(regions, roots, strict=True):
            whole[root].take(region)
        for root, part in _groups(roots[owners], corners):
            whole[root].corners.append(part)
        self._row, last = _numbered(np.where(ids[-1], roots[ids[-1]], -1))
        self._open = [whole[root] for root in last]
        ended = np.ones(number, dtype=np.bool_)
        ended[last] = ended[roots[0]] = False
        yield from (whole[root] for root in np.flatnonzero(ended))

    def end(self, top: int) -> Iterator[Region]:
        """Give the regions that reach the last row; `top` is the row after it."""
        outside = np.zeros((1, len(self._row)), np.bool_)
        return self.add(top, outside, outside)

    @staticmethod
    def _joined(ids: np.ndarray, count: int) -> tuple[int, np.ndarray]:
        """Which of the regions above and those below are one: a number for each."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        both = (ids[0] > 0) & (ids[1] > 0)
        edges = (np.ones(np.count_nonzero(both), np.int8), (ids[0][both], ids[1][both]))
        number, roots = connected_components(coo_array(edges, (count, count)), directed=False)
        return int(number), roots

    @staticmethod
    def _measure(ids: np.ndarray, scores: np.ndarray, regions: list[Region]) -> None:
        windows = np.bincount(ids.ravel(), minlength=len(regions))
        total = np.bincount(ids.ravel(), scores.ravel(), minlength=len(regions))
        for region, more, sums in zip(regions, windows.tolist(), total.tolist(), strict=True):
            region.windows += more
            region.total += sums


def _groups(owners: np.ndarray, corners: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Corners by the region that they belong to."""
    order = np.argsort(owners, kind="stable")
    found, first = np.unique(owners[order], return_index=True)
    yield from zip(found.tolist(), np.split(corners[order], first)[1:], strict=True)


def _numbered(roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the regions of a row from 1, 0 where there is none (-1); and which they are."""
    found, row = np.unique(roots, return_inverse=True)
    outside = int(found[0] == -1)
    return (row + 1 - outside).astype(np.int32), found[outside:]
