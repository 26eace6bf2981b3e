"""The windows behind a matrix: stride, dilation, padding and kernel found from its entries.

The entries are an array A [O, *space', C, *space]. Along one axis a convolution of stride s has
A[o + 1, i + s] = A[o, i]; its weights are constant on the boxes of entries with the same offsets
i − s·o, so that each axis can be examined by itself.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from jaxtyping import Float, Int, Num

from onebyone.errors import InputError
from onebyone.layers.index_pattern import IndexPattern, same_pads
from onebyone.layers.kinds import MEMORY_LIMIT, Form
from onebyone.layers.matrix import LayerMatrix
from onebyone.layers.values import as_numpy, scaled


class Recovery:
    """What the entries of a matrix say about its windows.

    Args:
        entries: A.
        tol: the Frobenius norm of what may be taken for zero, or for equal.
    """

    def __init__(self, entries: Num[np.ndarray, "..."], tol: float = 0.0) -> None:
        self.entries, self.tol = entries, tol
        if tol:  # their squares are summed
            self.entries, exponent = scaled(entries)
            self.tol = math.ldexp(tol, -exponent)
        self.rank = entries.ndim // 2 - 1

    def axes(self, shared: bool) -> Iterator[tuple[IndexPattern, ...]]:
        """Yield the windows that cover all entries, fewest taps first, as PyTorch can have them.

        Args:
            shared: whether the positions are to share one set of weights.
        """
        choices = [self._choices(a, shared) for a in range(self.rank)]
        sets: dict[tuple[IndexPattern, ...], None] = {}
        for kind in (is_symmetric, is_same):  # all axes are padded in the one way or the other
            fitting = [[axis for axis in axes if kind(axis)] for axes in choices]
            sets.update(dict.fromkeys(product(*fitting)))
        yield from sorted(sets, key=lambda axes: math.prod(axis.kernel for axis in axes))

    def groups(self) -> int:
        """Return the largest number of groups that leaves out no entry."""
        table = self._reduce(0, 1 + self.rank)
        outputs, inputs = table.shape
        for groups in range(math.gcd(outputs, inputs), 1, -1):
            if math.gcd(outputs, inputs) % groups == 0:
                blocks = np.kron(np.eye(groups), np.ones((outputs // groups, inputs // groups)))
                if table[blocks == 0].sum() <= self.tol**2:
                    return groups
        return 1

    def _choices(self, a: int, shared: bool) -> list[IndexPattern]:
        """Return the windows along axis `a`, one or two for each stride that is possible."""
        table = self._reduce(1 + a, 2 + self.rank + a)
        outputs, size = table.shape
        # Of a stride as large as the input, no two positions read anything alike.
        strides = range(1, max(size, 2) if shared and outputs > 1 else size + 1)
        found = []
        for stride in strides:
            if not shared or outputs == 1 or self._repeats(a, stride):
                offsets = self._offsets(table, stride)
                found += _fits(size, outputs, stride, offsets)
        return sorted(found, key=lambda axis: (axis.kernel, axis.stride, axis.before))

    def _repeats(self, a: int, stride: int) -> bool:
        """Whether one output further along axis `a` the same weights are `stride` inputs on."""
        outputs = np.moveaxis(self.entries, (1 + a, 2 + self.rank + a), (0, 1))
        here, further = outputs[:-1, : max(outputs.shape[1] - stride, 0)], outputs[1:, stride:]
        if self.tol == 0:
            return bool(np.array_equal(here, further))
        return float(np.linalg.norm(here.astype(np.float64) - further)) <= 2 * self.tol

    def _reduce(self, *keep: int) -> Float[np.ndarray, "rows columns"]:
        """Return A's squares summed over all other axes; without a tolerance, its largest |A|.

        Squares of the smallest numbers would be 0.
        """
        others = tuple(i for i in range(self.entries.ndim) if i not in keep)
        if self.tol == 0:
            return np.asarray(np.abs(self.entries).max(axis=others), dtype=np.float64)
        return np.asarray(np.square(self.entries, dtype=np.float64).sum(axis=others))

    def _offsets(self, table: Float[np.ndarray, "outputs size"], stride: int) -> list[int]:
        """Return the offsets i − stride·o at which there are entries."""
        outputs, size = table.shape
        offset: Int[np.ndarray, "outputs size"] = (
            np.arange(size) - stride * np.arange(outputs)[:, None]
        )
        least = int(offset.min())
        total = np.bincount((offset - least).ravel(), table.ravel())
        order = np.argsort(total)
        kept = order[np.cumsum(total[order]) > self.tol**2]
        return [least + int(e) for e in sorted(kept)] or [0]


def grid_entries(form: Form) -> Num[np.ndarray, "..."]:
    """Return the layer's matrix as [O, *space', C, *space]; a view for a dense layer."""
    geometry = form.geometry
    if geometry.kind == "dense":
        return as_numpy(form.weight)
    shape = (*geometry.output, *geometry.input)
    size = math.prod(shape) * form.weight.element_size()
    if size > MEMORY_LIMIT:
        raise InputError(
            f"input={geometry.input}: as a fully connected layer this would take {size:,} bytes; "
            "give a smaller input, on which the same windows show"
        )
    return LayerMatrix(form).toarray().reshape(shape)


def is_symmetric(axis: IndexPattern) -> bool:
    """Whether the padding is alike on both sides."""
    return axis.before == axis.after


def is_same(axis: IndexPattern) -> bool:
    """Whether the padding is that of padding='same'."""
    return axis.stride == 1 and (axis.before, axis.after) == same_pads(axis.kernel, axis.dilation)


def _fits(size: int, outputs: int, stride: int, offsets: Sequence[int]) -> list[IndexPattern]:
    """Return the fewest taps that read these offsets: padded alike on both sides, and 'same'."""
    low, high = offsets[0], offsets[-1]
    step = math.gcd(*(offset - low for offset in offsets))
    symmetric, same = [], []
    for dilation in range(1, (step or size) + 1):
        if step % dilation == 0:
            symmetric += _symmetric(size, outputs, stride, dilation, (low, high))
            if stride == 1 and outputs == size:
                same += _same(size, dilation, (low, high))
    return [
        min(axes, key=lambda axis: (axis.kernel, axis.dilation, axis.before))
        for axes in (symmetric, same)
        if axes
    ]


def _symmetric(
    size: int, outputs: int, stride: int, dilation: int, offsets: tuple[int, int]
) -> list[IndexPattern]:
    low, high = offsets
    last = stride * (outputs - 1)
    least = max(0, -low, high + 1 - size + last)
    for padding in range(least, least + 2 * dilation + stride + 1):
        padded = size + 2 * padding - 1
        # The last tap must reach `high`, and leave room for these outputs and no more.
        taps = max(
            0, -(-(high + padding) // dilation), -(-(padded + 1 - last - stride) // dilation)
        )
        if (padding + low) % dilation == 0 and dilation * taps <= padded - last:
            return [IndexPattern(size, outputs, taps + 1, stride, dilation, padding, padding)]
    return []


def _same(size: int, dilation: int, offsets: tuple[int, int]) -> list[IndexPattern]:
    low, high = offsets
    for kernel in range(1, 2 * size + 1):
        before, after = same_pads(kernel, dilation)
        if before >= -low and after >= high and (before + low) % dilation == 0:
            return [IndexPattern(size, size, kernel, 1, dilation, before, after)]
    return []
