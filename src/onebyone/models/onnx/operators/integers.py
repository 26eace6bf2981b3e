"""Convolutions and products of small integers, whose sums of 32 bits are exact in any order.

PyTorch has none of bytes: they become floats, as few of which are added at once as stay whole
numbers. What is summed is so the same number however it is cut up, as it is in onnxruntime.
"""

from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.operators.convolutions import conv
from onebyone.models.onnx.operators.quantised import WHOLE, centred, fitted, requantised
from onebyone.models.onnx.table import Array, Ints, operator

_MICROSOFT = "com.microsoft"


@operator("QLinearConv")
def qlinear_conv(
    x: Tensor,
    x_scale: Tensor,
    x_zero_point: Array,
    w: Tensor,
    w_scale: Tensor,
    w_zero_point: Array,
    y_scale: Tensor,
    y_zero_point: Array,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints = (),
    group: int = 1,
    kernel_shape: Ints = (),
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    (image, most), (weight, heaviest) = centred(x, x_zero_point), centred(w, w_zero_point)
    y = _convolved(
        image, weight, most * heaviest, auto_pad=auto_pad, dilations=dilations, group=group,
        pads=pads, strides=strides,
    )  # fmt: skip
    if bias is not None:
        y = y + bias.reshape(-1, *[1] * (w.ndim - 2))
    scale = x_scale.reshape(()) * _one_for_all(w_scale) / y_scale.reshape(())
    if scale.ndim:
        scale = scale.reshape(-1, *[1] * (w.ndim - 2))
    return requantised(y, scale, y_zero_point)


@operator("ConvInteger")
def conv_integer(
    x: Tensor,
    w: Tensor,
    x_zero_point: Tensor | None = None,
    w_zero_point: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints = (),
    group: int = 1,
    kernel_shape: Ints = (),
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    return _convolved(
        _less(x, x_zero_point, 1), _less(w, w_zero_point, 0), 255 * 255, auto_pad=auto_pad,
        dilations=dilations, group=group, pads=pads, strides=strides,
    )  # fmt: skip


@operator("QLinearMatMul")
def qlinear_matmul(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Array,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Array,
    y_scale: Tensor,
    y_zero_point: Array,
) -> Tensor:
    (left, most), (right, heaviest) = centred(a, a_zero_point), centred(b, b_zero_point)
    scale = a_scale.reshape(()) * _one_for_all(b_scale) / y_scale.reshape(())
    return requantised(_product(left, right, most * heaviest), scale, y_zero_point)


@operator("MatMulInteger")
def matmul_integer(
    a: Tensor, b: Tensor, a_zero_point: Tensor | None = None, b_zero_point: Tensor | None = None
) -> Tensor:
    return _product(_less(a, a_zero_point, a.ndim - 2), _less(b, b_zero_point, -1), 255 * 255)


@operator("MatMulIntegerToFloat", domain=_MICROSOFT)
def matmul_integer_to_float(
    a: Tensor,
    b: Tensor,
    a_scale: Tensor,
    b_scale: Tensor,
    a_zero_point: Tensor | None = None,
    b_zero_point: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    product = matmul_integer(a, b, a_zero_point, b_zero_point)
    y = product.to(torch.float32) * (_one_for_all(a_scale) * _one_for_all(b_scale))
    return y if bias is None else y + bias


@operator("QGemm", domain=_MICROSOFT)
def qgemm(
    a: Tensor,
    a_scale: Tensor,
    a_zero_point: Array,
    b: Tensor,
    b_scale: Tensor,
    b_zero_point: Array,
    c: Tensor | None = None,
    y_scale: Tensor | None = None,
    y_zero_point: Array | None = None,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    (left, most), (right, heaviest) = centred(a, a_zero_point), centred(b, b_zero_point)
    left, right = left.t() if transA else left, right.t() if transB else right
    product = _product(left, right, most * heaviest)
    product = product if c is None else product + c
    scale = alpha * a_scale.reshape(()) * _one_for_all(b_scale)
    if y_scale is None:
        return product.to(torch.float32) * scale
    return requantised(product, scale / y_scale.reshape(()), y_zero_point)


def _less(x: Tensor, zero_point: Tensor | None, axis: int) -> Tensor:
    """Integers as float32 less their zero points, one for all or for each place of an axis."""
    y = x.to(torch.float32)
    if zero_point is None:
        return y
    return y - fitted(zero_point.to(torch.float32), x.shape, axis, 0)


def _one_for_all(scale: Tensor) -> Tensor:
    """A scale without an axis, where it is one number."""
    return scale.reshape(()) if scale.numel() == 1 else scale


def _convolved(
    x: Tensor,
    weight: Tensor,
    largest: int,
    *,
    auto_pad: str,
    dilations: Ints,
    group: int,
    pads: Ints,
    strides: Ints,
) -> Tensor:
    """A convolution of whole numbers whose products are `largest` at most, as int32."""

    def convolve(x: Tensor, weight: Tensor) -> Tensor:
        return conv(
            x, weight, auto_pad=auto_pad, dilations=dilations, group=group, pads=pads,
            strides=strides,
        ).to(torch.int32)  # fmt: skip

    taps, channels = prod(weight.shape[2:]), weight.shape[1]
    at_once = WHOLE // (largest * max(taps, 1))
    if at_once >= channels:
        return convolve(x, weight)
    if group > 1 or not at_once:
        return convolve(x.to(torch.float64), weight.to(torch.float64))
    # Some channels at a time: that is as much work, and float64 some times more.
    pieces = zip(torch.split(x, at_once, 1), torch.split(weight, at_once, 1), strict=True)
    first, *others = (convolve(*piece) for piece in pieces)
    for other in others:
        first = first + other
    return first


def _product(a: Tensor, b: Tensor, largest: int) -> Tensor:
    """A product of matrices of whole numbers whose products are `largest` at most, as int32."""
    if a.shape[-1] * largest > WHOLE:
        a, b = a.to(torch.float64), b.to(torch.float64)
    y = functional.linear(a, b.t()) if b.ndim == 2 else torch.matmul(a, b)
    return y.to(torch.int32)
