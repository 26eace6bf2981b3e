"""A fixed batch in the constants of an ONNX file: seen, and replaced by any.

A file that was written for a batch of 1 holds it in the sizes of its reshapes. The batch is the
slowest number of one axis of every value; a reshape keeps its place among the numbers, so the axis
that begins there is the batch's.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import onnx
import torch

# The batch of a value is found by its two runs: the axis whose size is another.


def axis_of(runs: tuple[Any, Any] | None) -> int | None:
    """The axis that holds the batch; None where a value is the same for all windows."""
    if runs is None or not isinstance(runs[0], torch.Tensor):
        return None
    pairs = enumerate(zip(runs[0].shape, runs[1].shape, strict=False))
    return next((axis for axis, (a, b) in pairs if a != b), None)


def free(node: onnx.NodeProto, inputs: Sequence[Any]) -> list[Any] | None:
    """Inputs of a node with the batch taken out of its constant sizes; None where it has none."""
    if node.op_type not in ("Reshape", "Expand") or len(inputs) < 2:
        return None
    source, shape = inputs
    axis = axis_of(source.runs)
    if shape.constant is None or source.runs is None or axis is None:
        return None
    sizes, before = shape.constant.tolist(), list(source.runs[0].shape)
    if node.op_type == "Expand":
        axis += len(sizes) - len(before)
        freed = [1 if place == axis else size for place, size in enumerate(sizes)]
    else:
        keeps = not next((a.i for a in node.attribute if a.name == "allowzero"), 0)
        freed = _reshaped(before, axis, sizes, keeps=keeps)
    if freed == sizes:
        return None
    return [source, replace(shape, constant=torch.tensor(freed))]


def _reshaped(before: list[int], axis: int, sizes: list[int], *, keeps: bool) -> list[int]:
    """The sizes of a reshape whose result has any batch, where the input's is at `axis`."""
    whole = [before[n] if size == 0 and keeps else size for n, size in enumerate(sizes)]
    if -1 in whole:
        place = whole.index(-1)
        rest = prod(whole[:place]) * prod(whole[place + 1 :])
        whole[place] = prod(before) // max(rest, 1)
    begins = [n for n in range(len(whole)) if prod(whole[:n]) == prod(before[:axis])]
    if not begins:
        return sizes
    same = [n for n in begins if whole[n] == before[axis]]
    whole[(same or begins)[0]] = -1
    return whole
