"""A fixed batch in the constants of an ONNX file: seen, and replaced by any.

A file that was written for a batch of 1 holds it in the sizes of its reshapes. Each node is run on
shapes for that batch and for a larger one. The batch lies in one axis of each value, behind `outer`
numbers of that axis: a reshape keeps the numbers' order, so that its result has the batch where as
many numbers are before it. Often two axes begin there ([17, 1, 768] seen as [17, 768] may be
[17 n, 768] or [17, 768 n]); one is tried, and the other where a later node does not take it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import onnx
import torch

from onebyone.models.onnx.nodes import named
from onebyone.models.onnx.values import Known

TIMES = 7
"""How many batches the second run has."""
_BROADCASTS = ("Concat", "Add", "Sub", "Mul", "Div", "Where")
"""Operators that spread a constant of one window over all; of a Concat see there."""
_Pattern = tuple[tuple[int, ...], int, tuple[int, ...]]


class Bound(Exception):
    """Why a node does not take another batch."""


def axis_of(known: Known) -> int | None:
    """The axis that holds the batch; None where a value is the same for all windows.

    Raises:
        Bound: the two runs differ in other ways than by their batch.
    """
    if known.runs is None or not _is_tensor(known):
        return None
    first, second = (list(value.shape) for value in known.runs)
    if len(first) != len(second):
        raise Bound("it has other axes for another batch")
    other = [axis for axis, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if not other:
        return None
    if len(other) > 1 or second[other[0]] != TIMES * first[other[0]]:
        raise Bound("its sizes follow from the batch in more than one way")
    return other[0]


@dataclass
class Freeing:
    """The search for the sizes that hold the batch, over as many passes as it takes.

    Attributes:
        fixed: the batch that the file says.
        changed: whether a constant has been replaced in this pass.
    """

    fixed: int
    changed: bool = False
    _ways: dict[_Pattern, list[int]] = field(default_factory=dict)
    _met: list[_Pattern] = field(default_factory=list)
    _tries: int = 50

    def turn(self) -> bool:
        """Leave the way that was tried last, for the next pass; whether there is another."""
        self._tries -= 1
        self.changed = False
        while self._met:
            pattern = self._met.pop()
            self._ways[pattern].pop(0)
            if self._ways[pattern]:
                self._met.clear()
                return self._tries > 0
            del self._ways[pattern]
        return False

    def freed(self, node: onnx.NodeProto, inputs: Sequence[Known | None]) -> list[Known | None]:
        """The inputs of a node, with the batch taken out of constant sizes.

        Raises:
            Bound: no axis of the result can have it.
        """
        kept = list(inputs)
        if node.op_type in _BROADCASTS:
            return self._thinned(kept)
        if node.op_type == "Resize":
            return self._resized(node, kept)
        if node.op_type not in ("Reshape", "Expand") or len(kept) < 2:
            return kept
        source, shape = kept[:2]
        axis = None if source is None else axis_of(source)
        if source is None or shape is None or shape.constant is None or axis is None:
            return kept
        sizes = shape.constant.tolist()
        before = list(source.runs[0].shape) if source.runs else []
        if node.op_type == "Expand":
            place, outer = axis + len(sizes) - len(before), source.outer
            sizes[place] = 1
        else:
            keeps = not next((a.i for a in node.attribute if a.name == "allowzero"), 0)
            sizes = _whole(before, sizes, keeps=keeps)
            passed = prod(before[:axis]) * source.outer
            place = self._way(tuple(before), passed, sizes)
            outer = passed // prod(sizes[:place])
            sizes[place] = -1
        self.changed = self.changed or sizes != shape.constant.tolist()
        kept[:2] = replace(source, outer=outer), replace(shape, constant=torch.tensor(sizes))
        return kept

    def _resized(self, node: onnx.NodeProto, inputs: list[Known | None]) -> list[Known | None]:
        """The inputs of a resizing, where -1 keeps the size of the batch."""
        source, sizes = inputs[0], inputs[3] if len(inputs) > 3 else None
        axis = None if source is None else axis_of(source)
        if source is None or source.runs is None or sizes is None or sizes.constant is None:
            return inputs
        rank = source.runs[0].ndim
        named = next((list(a.ints) for a in node.attribute if a.name == "axes"), range(rank))
        kept = torch.tensor([n % rank == axis for n in named])
        self.changed = self.changed or bool(kept.any())
        inputs[3] = replace(sizes, constant=torch.where(kept, -1, sizes.constant))
        return inputs

    def _thinned(self, inputs: list[Known | None]) -> list[Known | None]:
        """Inputs whose constants that are the same for each window are those of one window."""
        source = next((k for k in inputs if k is not None and axis_of(k) is not None), None)
        axis = None if source is None else axis_of(source)
        if source is None or source.runs is None or axis is None:
            return inputs
        place, batch = axis - source.runs[0].ndim, source.runs[0].shape[axis]
        for n, k in enumerate(inputs):
            value = None if k is None else k.constant
            if k is None or value is None or value.ndim < -place or value.shape[place] != batch > 1:
                continue
            one = value.narrow(place, 0, 1)
            if torch.equal(one.expand_as(value), value):
                inputs[n], self.changed = replace(k, constant=one), True
        return inputs

    def require(self, outputs: Iterable[Known]) -> None:
        """Require outputs to have the batch as an axis.

        Raises:
            Bound: one has not.
        """
        for k in outputs:
            axis = axis_of(k)
            if axis is None or k.runs is None or k.runs[0].shape[axis] != self.fixed:
                raise Bound("an output has no axis for it")

    def note(
        self, node: onnx.NodeProto, inputs: Sequence[Known | None], results: Sequence[Known]
    ) -> None:
        """Note where in their axis the results of a node have the batch.

        Raises:
            Bound: they do not have it as they should.
        """
        try:
            having = [k for k in inputs if k is not None and axis_of(k) is not None]
            lost = [k for k in results if axis_of(k) is None and _is_tensor(k)]
        except Bound as bound:
            raise Bound(f"the result of {named(node)}: {bound}") from bound
        if having and lost:
            raise Bound(f"the result of {named(node)} is the same for all windows")
        for result in results:
            result.outer = having[0].outer if having else 1

    def _way(self, before: tuple[int, ...], passed: int, sizes: list[int]) -> int:
        """The axis of a reshape's result that is to have the batch, behind `passed` numbers."""
        pattern = (before, passed, tuple(sizes))
        if pattern not in self._ways:
            fitting = [n for n in range(len(sizes)) if self._fits(n, passed, sizes)]
            # The batch is more often an axis of its own, and before what is beside it in one.
            fitting.sort(key=lambda n: (sizes[n] != self.fixed, prod(sizes[:n]) != passed))
            if not fitting:
                raise Bound(f"the sizes {sizes} have no place for it")
            self._ways[pattern] = fitting
        if pattern not in self._met:
            self._met.append(pattern)
        return self._ways[pattern][0]

    def _fits(self, place: int, passed: int, sizes: Sequence[int]) -> bool:
        outer, rest = divmod(passed, prod(sizes[:place]) or 1)
        return not rest and outer > 0 and sizes[place] % (outer * self.fixed) == 0


def _is_tensor(known: Known) -> bool:
    return known.runs is not None and isinstance(known.runs[0], torch.Tensor)


def _whole(before: Sequence[int], sizes: list[int], *, keeps: bool) -> list[int]:
    """The sizes of a reshape as numbers, for the file's batch."""
    whole = [before[n] if size == 0 and keeps else size for n, size in enumerate(sizes)]
    if -1 in whole:
        place = whole.index(-1)
        rest = prod(whole[:place]) * prod(whole[place + 1 :])
        whole[place] = prod(before) // max(rest, 1)
    return whole
