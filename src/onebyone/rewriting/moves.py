"""Moves: transposes, and axes of size one that come and go, as one thing that composes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

Size = TypeVar("Size")


@dataclass(frozen=True)
class Move:
    """What a chain of Transpose, Squeeze and Unsqueeze does to the axes of a tensor.

    Attributes:
        rank: of what goes in.
        axes: for each axis that comes out, the one it was; None for a new one of size one.
            An axis that is not named has size one and goes.
    """

    rank: int
    axes: tuple[int | None, ...]

    @property
    def inverse(self) -> "Move":
        """The move that undoes this one."""
        back = tuple(self.axes.index(k) if k in self.axes else None for k in range(self.rank))
        return Move(len(self.axes), back)

    @property
    def identity(self) -> bool:
        """Whether everything stays where it is."""
        return self.axes == tuple(range(self.rank))

    @property
    def kept(self) -> tuple[int, ...]:
        """The axes that stay, in their new order."""
        return tuple(k for k in self.axes if k is not None)

    @property
    def dropped(self) -> tuple[int, ...]:
        """The axes that go."""
        return tuple(k for k in range(self.rank) if k not in self.axes)

    @property
    def new(self) -> tuple[int, ...]:
        """Where the new axes are."""
        return tuple(k for k, axis in enumerate(self.axes) if axis is None)

    @property
    def order(self) -> tuple[int, ...]:
        """The transpose between dropping axes and adding new ones."""
        ranked = sorted(self.kept)
        return tuple(ranked.index(k) for k in self.kept)

    @property
    def steps(self) -> list[tuple[str, tuple[int, ...]]]:
        """The operators that it takes, as ONNX calls them, each with its axes."""
        order = () if self.order == tuple(sorted(self.order)) else self.order
        steps = [("Squeeze", self.dropped), ("Transpose", order), ("Unsqueeze", self.new)]
        return [(operator, axes) for operator, axes in steps if axes]

    def then(self, following: "Move") -> "Move":
        """Both, one after the other.

        An axis that comes and goes again, or goes and comes, is one and the same.
        """
        axes = [None if k is None else self.axes[k] for k in following.axes]
        lost = [k for k in range(self.rank) if k not in axes and self.axes.count(k) == 0]
        for place, axis in enumerate(axes):
            if axis is None and lost:
                axes[place] = lost.pop(0)
        return Move(self.rank, tuple(axes))

    def apply(self, sizes: Sequence[Size | int]) -> tuple[Size | int, ...]:
        """The sizes that come out."""
        return tuple(1 if k is None else sizes[k] for k in self.axes)

    def carry(self, axis: int) -> int | None:
        """Where an axis goes; None where it does not stay."""
        axis %= self.rank
        return self.axes.index(axis) if axis in self.axes else None


def transpose(order: Sequence[int]) -> Move:
    """The move of `Transpose(perm=order)`."""
    return Move(len(order), tuple(order))


def squeeze(rank: int, axes: Sequence[int]) -> Move:
    """The move of `Squeeze` on these axes."""
    gone = {axis % rank for axis in axes}
    return Move(rank, tuple(k for k in range(rank) if k not in gone))


def unsqueeze(rank: int, axes: Sequence[int]) -> Move:
    """The move of `Unsqueeze` at these axes of the result."""
    return squeeze(rank + len(axes), axes).inverse


def between(before: Sequence[object], after: Sequence[object]) -> Move | None:
    """The move by which a reshape adds and drops axes of size one; None where it does more."""
    rest = [k for k, size in enumerate(before) if size != 1]
    others = [k for k, size in enumerate(after) if size != 1]
    sizes = [before[k] for k in rest]
    if None in sizes or sizes != [after[k] for k in others]:
        return None
    axes: list[int | None] = [None] * len(after)
    spare = [k for k, size in enumerate(before) if size == 1]
    for old, new in zip(rest, others, strict=True):
        axes[new] = old
    bounds = [(-1, -1), *zip(rest, others, strict=True), (len(before), len(after))]
    for (old, new), (old_end, new_end) in pairwise(bounds):
        ones = [k for k in spare if old < k < old_end]
        for place, axis in zip(range(new + 1, new_end), ones, strict=False):
            axes[place] = axis
    return Move(len(before), tuple(axes))
