"""Operators on small integers as onnxruntime has them beside ONNX's, to the bit of its rounding.

What it does in one step with a fused multiply-add is done in float64 here, and rounded once.
"""

from collections.abc import Sequence
from itertools import product
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.operators.convolutions import padded
from onebyone.models.onnx.operators.pooling import Windows, windows_of
from onebyone.models.onnx.operators.quantised import (
    WHOLE,
    centred,
    requantised,
    shifted,
    zero_of,
)
from onebyone.models.onnx.table import Array, Ints, operator

_MICROSOFT = "com.microsoft"
aten = torch.ops.aten


@operator("QLinearAdd", domain=_MICROSOFT)
def qlinear_add(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Array | None,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Array | None,
    c_scale: Tensor,
    c_zero_point: Array | None = None,
) -> Tensor:
    by_a, by_b = (s.reshape(()) / c_scale.reshape(()) for s in (a_scale, b_scale))
    zero_a, zero_b, zero_c = map(zero_of, (a_zero_point, b_zero_point, c_zero_point))
    # In the order of its vectors: what stays the same first, then b, then a.
    rest = zero_c - _fused(torch.full_like(by_a, zero_a), by_a, by_b * zero_b)
    for x, by, repeated in zip((b, a), (by_b, by_a), _repeated(b.shape, a.shape), strict=True):
        if repeated:
            rest = rest + x.to(torch.float32) * by
    for x, by, repeated in zip((b, a), (by_b, by_a), _repeated(b.shape, a.shape), strict=True):
        if not repeated:
            rest = _fused(x, by, rest)
    return shifted(torch.round(rest), _type_only(c_zero_point))


@operator("QLinearMul", domain=_MICROSOFT)
def qlinear_mul(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Array | None,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Array | None,
    c_scale: Tensor,
    c_zero_point: Array | None = None,
) -> Tensor:
    product = centred(a, a_zero_point)[0] * centred(b, b_zero_point)[0]
    scale = a_scale.reshape(()) * b_scale.reshape(()) / c_scale.reshape(())
    y = torch.round(product * scale + zero_of(c_zero_point))
    return shifted(y, _type_only(c_zero_point))


@operator("QLinearGlobalAveragePool", domain=_MICROSOFT)
def qlinear_global_average_pool(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Array,
    y_scale: Tensor,
    y_zero_point: Array,
    *,
    channels_last: int = 0,
) -> Tensor:
    axes = list(range(1, x.ndim - 1) if channels_last else range(2, x.ndim))
    count = prod(x.shape[axis] for axis in axes)
    numbers, most = centred(x, x_zero_point)
    exact = numbers if most * count <= WHOLE else numbers.to(torch.float64)
    sums = torch.sum(exact, axes, keepdim=True)
    return requantised(sums, x_scale.reshape(()) / (y_scale.reshape(()) * count), y_zero_point)


@operator("QLinearAveragePool", domain=_MICROSOFT)
def qlinear_average_pool(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Array | None,
    y_scale: Tensor,
    y_zero_point: Array | None = None,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    channels_last: int = 0,
    count_include_pad: int = 0,
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    numbers = _floats(x, x_scale, x_zero_point)
    if channels_last:
        numbers = numbers.movedim(-1, 1)
    windows = windows_of(numbers, kernel_shape, auto_pad, ceil_mode, (), pads, strides)
    edges = (*windows.before, *windows.reach)
    count: Tensor | float = float(prod(kernel_shape))
    if not count_include_pad and any(edges):
        count = _summed(padded(torch.ones_like(numbers), edges), windows)
    mean = _summed(padded(numbers, edges), windows) / count
    y = torch.round(mean / y_scale.reshape(()) + zero_of(y_zero_point))
    found = shifted(y, _type_only(y_zero_point))
    return found.movedim(1, -1) if channels_last else found


@operator("QLinearConcat", domain=_MICROSOFT)
def qlinear_concat(y_scale: Tensor, y_zero_point: Array, *inputs: Tensor, axis: int) -> Tensor:
    parts = []
    for x, scale, zero_point in zip(inputs[::3], inputs[1::3], inputs[2::3], strict=True):
        number = x.to(torch.float32) - zero_point.reshape(()).to(torch.float32)
        parts.append(_quantised(number * scale.reshape(()), y_scale, y_zero_point))
    return torch.cat(parts, axis)


@operator("QLinearSigmoid", domain=_MICROSOFT)
def qlinear_sigmoid(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Array | None,
    y_scale: Tensor,
    y_zero_point: Array | None = None,
) -> Tensor:
    return _quantised(torch.sigmoid(_floats(x, x_scale, x_zero_point)), y_scale, y_zero_point)


@operator("QLinearLeakyRelu", domain=_MICROSOFT)
def qlinear_leaky_relu(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Array | None,
    y_scale: Tensor,
    y_zero_point: Array | None = None,
    *,
    alpha: float = 0.01,
) -> Tensor:
    y = functional.leaky_relu(_floats(x, x_scale, x_zero_point), alpha)
    return _quantised(y, y_scale, y_zero_point)


@operator("QLinearSoftmax", domain=_MICROSOFT)
def qlinear_softmax(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Array | None,
    y_scale: Tensor,
    y_zero_point: Array | None,
    *,
    axis: int | None = None,
    opset: int,
) -> Tensor:
    axis = (1 if opset < 13 else -1) if axis is None else axis
    if opset < 13 and axis % x.ndim != x.ndim - 1:
        raise ValueError("a softmax over several axes is not computed")
    numbers = centred(x, None)[0].to(torch.float64)
    below = numbers - torch.amax(numbers, axis, keepdim=True)
    powers = torch.exp(below * x_scale.reshape(()).to(torch.float64)).to(torch.float32)
    times = torch.floor(1 / y_scale.reshape(()))
    y = torch.round(powers * times / torch.sum(powers, axis, keepdim=True))
    return shifted(y, y_zero_point)


def _summed(x: Tensor, windows: Windows) -> Tensor:
    """Sums of windows, one tap after the other as onnxruntime adds them.

    Averages that lie between two integers are frequent, and go where their last bit lets them.
    """
    total: Tensor | None = None
    for taps in product(*map(range, windows.kernel)):
        seen = x
        axes = zip(taps, windows.strides, windows.counts, strict=True)
        for axis, (tap, stride, count) in enumerate(axes, 2):
            seen = aten.slice.Tensor(seen, axis, tap, tap + (count - 1) * stride + 1, stride)
        total = seen if total is None else total + seen
    assert total is not None
    return total


def _floats(x: Tensor, scale: Tensor, zero_point: Array | None) -> Tensor:
    return centred(x, zero_point)[0] * scale.reshape(())


def _quantised(y: Tensor, scale: Tensor, zero_point: Array | None) -> Tensor:
    return shifted(torch.round(y / scale.reshape(())), zero_point)


def _fused(x: Tensor, by: Tensor, plus: Tensor) -> Tensor:
    """A product and a sum in float32, rounded once."""
    exact = x.to(torch.float64) * by.to(torch.float64) + plus.to(torch.float64)
    return exact.to(torch.float32)


def _repeated(*shapes: Sequence[int]) -> list[bool]:
    """For each of two values, whether one number of it goes with several of the other's, in a row.

    onnxruntime adds those to what stays the same, and rounds twice.
    """
    rank = max(map(len, shapes))
    first, second = ([1] * (rank - len(shape)) + list(shape) for shape in shapes)
    for a, b in zip(reversed(first), reversed(second), strict=True):
        if (a, b) != (1, 1):
            return [a == 1, b == 1]
    return [False, False]


def _type_only(zero_point: Array | None) -> Array | None:
    """A zero point of 0, where it has been added before rounding."""
    return None if zero_point is None else zero_point * 0
