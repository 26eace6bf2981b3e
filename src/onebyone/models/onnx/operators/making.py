"""Tensors that are made: constants, ranges, and what is known of constants alone."""

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from onebyone.models.onnx.constants import TYPES
from onebyone.models.onnx.table import Array, Ints, operator


@operator("Constant")
def constant(
    *,
    value: Tensor | None = None,
    sparse_value: onnx.SparseTensorProto | None = None,
    value_float: float | None = None,
    value_floats: tuple[float, ...] | None = None,
    value_int: int | None = None,
    value_ints: Ints | None = None,
) -> Tensor:
    if value is not None:
        return value
    if sparse_value is not None:
        return _dense(sparse_value)
    whole = value_int if value_int is not None else value_ints
    if whole is not None:
        return torch.tensor(whole, dtype=torch.int64)
    number = value_float if value_float is not None else value_floats
    return torch.tensor(number, dtype=torch.float32)


def _dense(sparse: onnx.SparseTensorProto) -> Tensor:
    """Its numbers where its indices say, either flat or one for each axis."""
    values, indices = (numpy_helper.to_array(t).copy() for t in (sparse.values, sparse.indices))
    dense = torch.zeros(list(sparse.dims), dtype=TYPES[sparse.values.data_type])
    if dense.is_meta:
        return dense
    numbers = torch.from_numpy(values)
    if indices.ndim == 1:
        dense.view(-1)[torch.from_numpy(indices)] = numbers
    else:
        dense[tuple(torch.from_numpy(indices).unbind(-1))] = numbers
    return dense


@operator("ConstantOfShape")
def constant_of_shape(input: Ints, *, value: Tensor | None = None) -> Tensor:
    if value is None:
        return torch.zeros(input, dtype=torch.float32)
    return torch.full(input, value.item(), dtype=value.dtype)


@operator("Range")
def range_(start: Array, limit: Array, delta: Array) -> Tensor:
    dtype = torch.from_numpy(start.reshape(-1)).dtype
    first, end, step = start.item(), limit.item(), delta.item()
    return torch.arange(first, end if (end - first) * step > 0 else first, step, dtype=dtype)


@operator("EyeLike")
def eye_like(input: Tensor, *, dtype: int | None = None, k: int = 0) -> Tensor:
    rows, columns = (torch.arange(n, device=input.device) for n in input.shape)
    found = rows.unsqueeze(1) + k == columns
    return found.to(input.dtype if dtype is None else TYPES[dtype])


@operator("OneHot")
def one_hot(indices: Tensor, depth: float, values: Tensor, *, axis: int = -1) -> Tensor:
    axis, count = axis % (indices.ndim + 1), int(depth)
    places = indices.long()
    places = torch.where(places < 0, places + count, places)
    classes = torch.arange(count, device=indices.device)
    classes = classes.reshape(-1, *(1,) * (indices.ndim - axis))
    return torch.where(places.unsqueeze(axis) == classes, values[1], values[0])


@operator("NonZero")
def non_zero(x: Array) -> Array:
    return np.array(np.nonzero(np.atleast_1d(x)), dtype=np.int64)


@operator("Unique")
def unique(x: Array, *, axis: int | None = None, sorted: int = 1) -> tuple[Array, ...]:
    flat, along = (x.reshape(-1), 0) if axis is None else (x, axis)
    values, first, inverse, counts = np.unique(
        flat, return_index=True, return_inverse=True, return_counts=True, axis=along
    )
    if not sorted:
        order = np.argsort(first)
        values, first, counts = np.take(values, order, along), first[order], counts[order]
        inverse = np.argsort(order)[inverse]
    return values, first, inverse.reshape(-1), counts
