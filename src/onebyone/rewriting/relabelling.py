"""Relabelling: what any rewrite does to a weight, as integers; the numbers keep their bits."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from onebyone.rewriting.moves import Move

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Relabelling:
    """Reshape, transpose, reshape.

    Attributes:
        before: the shape of the weight.
        view: the shape that it is first seen in.
        order: the transpose of that.
        after: the shape that comes out.
    """

    before: Shape
    view: Shape
    order: Shape
    after: Shape

    @property
    def turned(self) -> Shape:
        """The shape behind the transpose."""
        return tuple(self.view[k] for k in self.order)

    @property
    def inverse(self) -> "Relabelling":
        """The relabelling that undoes this one."""
        back = tuple(self.order.index(k) for k in range(len(self.order)))
        return Relabelling(self.after, self.turned, back, self.before)

    @property
    def keeps_order(self) -> bool:
        """Whether the numbers stay where they are."""
        kept = [k for k in self.order if self.view[k] != 1]
        return kept == sorted(kept)

    def carry(self, axis: int) -> int | None:
        """Where an axis of the weight goes; None if it is cut up or merged."""
        seen = _same_axis(axis % len(self.before), self.before, self.view)
        if seen is None:
            return None
        return _same_axis(self.order.index(seen), self.turned, self.after)

    def resized(self, axis: int, size: int) -> "Relabelling":
        """The same for a tensor that has another size on one axis, which stays whole."""
        axis %= len(self.before)
        seen, new = _same_axis(axis, self.before, self.view), self.carry(axis)
        assert seen is not None
        assert new is not None
        before, view, after = list(self.before), list(self.view), list(self.after)
        before[axis] = view[seen] = after[new] = size
        return Relabelling(tuple(before), tuple(view), self.order, tuple(after))


def matrices(
    before: Shape, blocks: Shape, transposed: bool, kernel: Shape | None = None
) -> Relabelling:
    """A linear layer's weight, which is one matrix for each group, as another operator reads it.

    Args:
        before: its shape.
        blocks: the same as [groups, rows, columns].
        transposed: whether the other operator reads columns by rows.
        kernel: of a convolution, whose groups are joined along the rows; None for a product, which
            reads [groups, rows, columns], or one matrix.
    """
    groups = blocks[0]
    view = blocks if groups > 1 else blocks[1:]
    *outer, row, column = range(len(view))
    order = (*outer, column, row) if transposed else (*outer, row, column)
    turned = tuple(view[k] for k in order)
    after = turned if kernel is None else (groups * turned[-2], turned[-1], *kernel)
    return Relabelling(before, view, order, after)


def of_move(sizes: Shape, move: Move) -> Relabelling:
    """A move, for a tensor of these sizes; axes that it lacks have size one and come first."""
    padded = (1,) * (move.rank - len(sizes)) + sizes
    return Relabelling(sizes, padded, (*move.dropped, *move.kept), move.apply(padded))


def _same_axis(axis: int, sizes: Sequence[int], others: Sequence[int]) -> int | None:
    """The axis of another shape of the same numbers that runs over the same ones."""
    for k, size in enumerate(others):
        if size == sizes[axis] and prod(others[:k]) == prod(sizes[:axis]):
            return k
    return None
