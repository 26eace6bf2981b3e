"""Parts of tensors along an axis, cut and joined."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from onebyone.models.onnx.table import Array, Ints, operator

aten = torch.ops.aten


@operator("Concat")
def concat(*inputs: Tensor, axis: int, alike: Ints = ()) -> Tensor:
    if not alike or len(alike) == len(inputs):
        return torch.cat(inputs, axis)
    own = next(x for place, x in enumerate(inputs) if place not in alike)
    axis = axis % own.ndim
    spread = [
        x.expand([-1 if k == axis else n for k, n in enumerate(own.shape)]) if n in alike else x
        for n, x in enumerate(inputs)
    ]
    return torch.cat(spread, axis)


@operator("Split")
def split_by_attribute(
    input: Tensor, *, axis: int = 0, split: Ints = (), outputs: int = 1
) -> tuple[Tensor, ...]:
    return split_by_input(input, split or None, axis=axis, outputs=outputs)


@operator("Split", since=13)
def split_by_input(
    input: Tensor, split: Ints | None = None, *, axis: int = 0, outputs: int = 1
) -> tuple[Tensor, ...]:
    if split is not None:
        return torch.split(input, list(split), axis)
    if input.shape[axis] % outputs:
        raise ValueError(f"{input.shape[axis]} are not split into {outputs} of one size")
    return torch.chunk(input, outputs, axis)


@operator("Split", since=18)
def split(
    input: Tensor, split: Ints | None = None, *, axis: int = 0, num_outputs: int = 1
) -> tuple[Tensor, ...]:
    if split is None:
        count = input.shape[axis]
        each = -(-count // num_outputs)
        split = tuple(max(0, min(each, count - each * k)) for k in range(num_outputs))
    return torch.split(input, list(split), axis)


@operator("Slice")
def slice_by_attributes(data: Tensor, *, starts: Ints, ends: Ints, axes: Ints = ()) -> Tensor:
    return slice_(data, starts, ends, axes or None)


@operator("Slice", since=10)
def slice_(
    data: Tensor, starts: Ints, ends: Ints, axes: Ints | None = None, steps: Ints | None = None
) -> Tensor:
    axes = tuple(range(len(starts))) if axes is None else axes
    for start, end, axis, step in zip(starts, ends, axes, steps or (1,) * len(axes), strict=True):
        count = data.shape[axis]
        first = max(start, -count) if step < 0 else start  # where Python would take nothing
        data = taken(data, axis, range(count)[first:end:step])
    return data


def taken(data: Tensor, axis: int, places: range) -> Tensor:
    """The parts of a tensor at these places, which are in it."""
    low, high = (min(places), max(places) + 1) if places else (0, 0)
    part: Tensor = aten.slice.Tensor(data, axis, low, high, abs(places.step))
    return part if places.step > 0 else part.flip(axis)


@operator("Compress")
def compress(input: Tensor, condition: Array, *, axis: int | None = None) -> Tensor:
    data, axis = (input.reshape(-1), 0) if axis is None else (input, axis)
    changes = np.diff(condition.reshape(-1).astype(np.int8), prepend=0, append=0)
    runs: Sequence[Any] = np.flatnonzero(changes).reshape(-1, 2).tolist() or [[0, 0]]
    return torch.cat([aten.slice.Tensor(data, axis, start, end) for start, end in runs], axis)
