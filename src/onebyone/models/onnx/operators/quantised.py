"""Quantisation: floats as small integers by a scale and a zero point, and back."""

from collections.abc import Sequence

import torch
from torch import Tensor

from onebyone.models.onnx.constants import TYPES
from onebyone.models.onnx.table import Array, operator

WHOLE = 1 << 24
"""Up to here all whole numbers are float32."""
# The largest of ONNX's floats of 8 bits, beyond which PyTorch gives none.
_LARGEST = {torch.float8_e4m3fn: 448.0, torch.float8_e5m2: 57344.0}


@operator("QuantizeLinear")
def quantize(
    x: Tensor,
    y_scale: Tensor,
    y_zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
) -> Tensor:
    dtype = TYPES[output_dtype] if output_dtype else torch.uint8
    dtype = dtype if y_zero_point is None else y_zero_point.dtype
    scale = fitted(y_scale, x.shape, axis, block_size)
    kept = TYPES[precision] if precision else scale.dtype
    y = x.to(kept) / scale.to(kept)
    if dtype.is_floating_point:
        largest = _LARGEST[dtype]
        return (torch.clamp(y, -largest, largest) if saturate else y).to(dtype)
    y = torch.round(y.to(torch.float32))
    if y_zero_point is not None:
        y = y + fitted(y_zero_point.to(torch.float32), x.shape, axis, block_size)
    return saturated(y, dtype)


@operator("DequantizeLinear")
def dequantize(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Tensor | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
) -> Tensor:
    dtype = TYPES[output_dtype] if output_dtype else x_scale.dtype
    y = x.to(torch.float32)
    if x_zero_point is not None and x.dtype is not torch.int32:  # which has none but 0
        y = y - fitted(x_zero_point.to(torch.float32), x.shape, axis, block_size)
    return (y * fitted(x_scale.to(torch.float32), x.shape, axis, block_size)).to(dtype)


@operator("DynamicQuantizeLinear")
def dynamic_quantize(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    lowest, highest = torch.clamp(torch.amin(x), max=0.0), torch.clamp(torch.amax(x), min=0.0)
    scale = (highest - lowest) / torch.full_like(lowest, 255.0)
    scale = torch.where(highest == lowest, torch.ones_like(scale), scale)
    zero_point = torch.round(torch.clamp(0 - lowest / scale, 0, 255))
    y = torch.round(x / scale) + zero_point
    return saturated(y, torch.uint8), scale, zero_point.to(torch.uint8)


def fitted(given: Tensor, shape: Sequence[int], axis: int, block_size: int) -> Tensor:
    """Scales or zero points as they go with a value: one, one for each place of an axis, blocks."""
    if given.numel() == 1:
        return given.reshape(())
    axis = axis % len(shape)
    if not block_size:
        return given.reshape([-1 if n == axis else 1 for n in range(len(shape))])
    return torch.repeat_interleave(given, block_size, axis).narrow(axis, 0, shape[axis])


def saturated(y: Tensor, dtype: torch.dtype) -> Tensor:
    """Whole floats as integers: those beyond a type's become its least or its largest."""
    limits = torch.iinfo(dtype)
    return torch.clamp(y, limits.min, limits.max).to(dtype)


def centred(x: Tensor, zero_point: Array | None) -> tuple[Tensor, int]:
    """Integers as float32 less their zero point, and the largest that they can be."""
    limits, zero = torch.iinfo(x.dtype), zero_of(zero_point)
    y = x.to(torch.float32)
    return (y - zero if zero else y), max(limits.max - zero, zero - limits.min)


def zero_of(zero_point: Array | None) -> int:
    """The one zero point of a value."""
    found = {0} if zero_point is None else set(zero_point.reshape(-1).tolist())
    if len(found) > 1:
        raise ValueError(f"zero points that differ ({min(found)} to {max(found)}) are not computed")
    return int(found.pop())


def requantised(y: Tensor, scale: Tensor, zero_point: Array | None) -> Tensor:
    """Numbers times a scale as integers of a zero point's type, the way onnxruntime rounds."""
    return shifted(torch.round(y.to(torch.float32) * scale), zero_point)


def shifted(y: Tensor, zero_point: Array | None) -> Tensor:
    """Rounded numbers as integers of a zero point's type."""
    zero = zero_of(zero_point)
    return saturated(y + zero if zero else y, type_of(zero_point))


def type_of(zero_point: Array | None) -> torch.dtype:
    """The type of what has a zero point; bytes without a sign where none is given."""
    if zero_point is None:
        return torch.uint8
    dtype: torch.dtype = getattr(torch, zero_point.dtype.name)
    return dtype
