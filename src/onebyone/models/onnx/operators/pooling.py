"""Poolings."""

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.operators.convolutions import padded, padding
from onebyone.models.onnx.table import Ints, operator

_MAX = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}


@operator("MaxPool")
def max_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Ints = (),
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    rank = len(kernel_shape)
    dilations, strides = dilations or (1,) * rank, strides or (1,) * rank
    pads = padding(auto_pad, pads, x.shape[2:], kernel_shape, strides, dilations)
    before, behind = pads[:rank], pads[rank:]
    if before != behind or any(2 * p > k for p, k in zip(before, kernel_shape, strict=True)):
        x, before = padded(x, pads, float("-inf")), (0,) * rank
    return _MAX[rank](x, kernel_shape, strides, before, dilations, bool(ceil_mode))


@operator("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    return torch.mean(x, list(range(2, x.ndim)), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    return torch.amax(x, list(range(2, x.ndim)), keepdim=True)
