"""Types of numbers."""

import onnx
import torch
from torch import Tensor

from onebyone.errors import InputError
from onebyone.models.onnx.constants import EIGHT_BITS, FEW_BITS, TYPES
from onebyone.models.onnx.table import operator


@operator("Identity")
def identity(input: Tensor) -> Tensor:
    return input


@operator("Cast")
def cast(input: Tensor, *, to: int, saturate: int = 1) -> Tensor:
    if to in FEW_BITS:
        bits, dtype = FEW_BITS[to]
        low, sign = input.to(torch.int8) & 2**bits - 1, 2 ** (bits - 1)
        return torch.sub(low ^ sign, sign) if dtype.is_signed else low.to(dtype)
    return _cast(input, _type(to), saturate)


@operator("CastLike")
def cast_like(input: Tensor, target_type: Tensor, *, saturate: int = 1) -> Tensor:
    return _cast(input, target_type.dtype, saturate)


@operator("BitCast")
def bit_cast(input: Tensor, *, to: int) -> Tensor:
    return input.view(_type(to))


def _cast(input: Tensor, dtype: torch.dtype, saturate: int) -> Tensor:
    if dtype not in EIGHT_BITS or input.dtype in EIGHT_BITS:
        return input.to(dtype)
    if saturate:
        most = torch.finfo(dtype).max
        input = torch.clamp(input, -most, most)
    elif dtype is torch.float8_e4m3fn:  # PyTorch saturates; the next number would have been 480
        input = torch.where(torch.abs(input) > 464, float("nan"), input)
    return input.to(dtype)


def _type(to: int) -> torch.dtype:
    if to not in TYPES:
        kind = onnx.TensorProto.DataType.Name(to)
        raise InputError(f"a cast to {kind} is not computed; to a type of PyTorch's it is")
    return TYPES[to]
