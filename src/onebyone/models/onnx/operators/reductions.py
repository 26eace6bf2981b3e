"""Reductions over axes."""

import torch
from torch import Tensor

from onebyone.models.onnx.table import Ints, operator


@operator("ReduceMean")
def reduce_mean(data: Tensor, *, axes: Ints = (), keepdims: int = 1) -> Tensor:
    return torch.mean(data, axes or tuple(range(data.ndim)), bool(keepdims))


@operator("ReduceMean", since=18)
def reduce_mean_of_axes(
    data: Tensor, axes: Ints | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensor:
    if not axes and noop_with_empty_axes:
        return data
    return reduce_mean(data, axes=axes or (), keepdims=keepdims)
