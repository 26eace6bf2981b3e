"""Operators that move numbers and compute none: sizes, axes, parts."""

from math import prod

import numpy as np
import torch
from torch import Tensor

from onebyone.models.onnx.table import Array, Ints, operator

aten = torch.ops.aten


@operator("Shape")
def shape(data: Tensor, *, start: int = 0, end: int | None = None) -> Array:
    return np.array(data.shape[start:end], dtype=np.int64)


@operator("Constant")
def constant(*, value: Tensor) -> Tensor:
    return value


@operator("Reshape")
def reshape(data: Tensor, shape: Ints, *, allowzero: int = 0) -> Tensor:
    kept = (data.shape[n] if size == 0 and not allowzero else size for n, size in enumerate(shape))
    return data.reshape(tuple(kept))


@operator("Flatten")
def flatten(input: Tensor, *, axis: int = 1) -> Tensor:
    axis = axis + input.ndim if axis < 0 else axis
    if axis == 1:
        return torch.flatten(input, 1) if input.ndim > 1 else input.reshape(-1, 1)
    return input.reshape(prod(input.shape[:axis]), -1)


@operator("Transpose")
def transpose(data: Tensor, *, perm: Ints = ()) -> Tensor:
    return data.permute(perm or tuple(reversed(range(data.ndim))))


@operator("Concat")
def concat(*inputs: Tensor, axis: int) -> Tensor:
    return torch.cat(inputs, axis)


@operator("Squeeze")
def squeeze_by_attribute(data: Tensor, *, axes: Ints = ()) -> Tensor:
    return squeeze(data, axes or None)


@operator("Squeeze", since=13)
def squeeze(data: Tensor, axes: Ints | None = None) -> Tensor:
    return data.squeeze() if axes is None else data.squeeze(axes)


@operator("Unsqueeze")
def unsqueeze_by_attribute(data: Tensor, *, axes: Ints) -> Tensor:
    return unsqueeze(data, axes)


@operator("Unsqueeze", since=13)
def unsqueeze(data: Tensor, axes: Ints) -> Tensor:
    rank = data.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        data = data.unsqueeze(axis)
    return data


@operator("Gather")
def gather(data: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    axis = axis % data.ndim
    places = torch.where(indices < 0, indices + data.shape[axis], indices)
    found = torch.index_select(data, axis, places.reshape(-1))
    return found.reshape(*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :])


@operator("Slice")
def slice_by_attributes(data: Tensor, *, starts: Ints, ends: Ints, axes: Ints = ()) -> Tensor:
    return slice_(data, starts, ends, axes or None)


@operator("Slice", since=10)
def slice_(
    data: Tensor, starts: Ints, ends: Ints, axes: Ints | None = None, steps: Ints | None = None
) -> Tensor:
    axes = tuple(range(len(starts))) if axes is None else axes
    for start, end, axis, step in zip(starts, ends, axes, steps or (1,) * len(axes), strict=True):
        places = range(data.shape[axis])[start:end:step]
        low, high = (min(places), max(places) + 1) if places else (0, 0)
        data = aten.slice.Tensor(data, axis, low, high, abs(step))
        data = data if step > 0 else data.flip(axis)
    return data


@operator("Expand")
def expand(input: Tensor, shape: Ints) -> Tensor:
    rank = max(input.ndim, len(shape))
    own = (1,) * (rank - input.ndim) + tuple(input.shape)
    asked = (1,) * (rank - len(shape)) + shape
    return input.expand([a if b == 1 else b for a, b in zip(own, asked, strict=True)])
