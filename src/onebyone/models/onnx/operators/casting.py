"""Types of numbers."""

import onnx
import torch
from torch import Tensor

from onebyone.errors import InputError
from onebyone.models.onnx.constants import TYPES
from onebyone.models.onnx.table import operator

_EIGHT_BITS = (
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
)


@operator("Identity")
def identity(input: Tensor) -> Tensor:
    return input


@operator("Cast")
def cast(input: Tensor, *, to: int, saturate: int = 1) -> Tensor:
    if to == onnx.TensorProto.INT4:
        return ((input.to(torch.int8) + 8) & 15) - 8  # of the low four bits
    if to == onnx.TensorProto.UINT4:
        return input.to(torch.int8).to(torch.uint8) & 15
    return _cast(input, _type(to), saturate)


@operator("CastLike")
def cast_like(input: Tensor, target_type: Tensor, *, saturate: int = 1) -> Tensor:
    return _cast(input, target_type.dtype, saturate)


@operator("BitCast")
def bit_cast(input: Tensor, *, to: int) -> Tensor:
    return input.view(_type(to))


def _cast(input: Tensor, dtype: torch.dtype, saturate: int) -> Tensor:
    if dtype in _EIGHT_BITS and saturate and input.dtype not in _EIGHT_BITS:
        most = torch.finfo(dtype).max
        input = torch.clamp(input, -most, most)
    return input.to(dtype)


def _type(to: int) -> torch.dtype:
    if to not in TYPES:
        kind = onnx.TensorProto.DataType.Name(to)
        raise InputError(f"a cast to {kind} is not computed; to a type of PyTorch's it is")
    return TYPES[to]
