"""Convolutions and products of integers, against onnxruntime's."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.onnx_quantised import MICROSOFT, node

_RANDOM = np.random.default_rng(0)


def _bytes(shape: tuple[int, ...], dtype: type = np.uint8) -> np.ndarray:
    limits = np.iinfo(dtype)
    return _RANDOM.integers(limits.min, limits.max + 1, shape).astype(dtype)


def _convolution(
    channels: int, filters: int, kernel: int, group: int, image: type, weight: type, *, each: bool
) -> dict[str, Any]:
    scales = _RANDOM.random(filters if each else 1).astype(np.float32) * 0.01 + 0.001
    zero = weight(0 if weight is np.int8 else 131)
    taps = channels // group * kernel**2
    return {
        "x": _bytes((2, channels, 9, 8), image),
        "x_scale": np.float32(0.021), "x_zero": image(100),
        "w": _bytes((filters, channels // group, kernel, kernel), weight),
        "w_scale": scales, "w_zero": np.full(len(scales), zero),
        "y_scale": np.float32(0.03 * taps**0.5), "y_zero": image(30),
        "bias": _RANDOM.integers(-40000, 40000, filters).astype(np.int32),
    }  # fmt: skip


_CONSTANT = ("w", "w_scale", "w_zero", "x_scale", "x_zero", "y_scale", "y_zero", "bias")


@settings(max_examples=40, deadline=None)
@given(
    types=st.sampled_from([(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)]),
    each=st.booleans(), kernel=st.sampled_from([1, 3]), group=st.sampled_from([1, 2, 8]),
    stride=st.sampled_from([1, 2]), pads=st.sampled_from([[0] * 4, [1] * 4, [0, 1, 1, 2]]),
    dilation=st.sampled_from([1, 2]), has_bias=st.booleans(),
)  # fmt: skip
def test_qlinear_conv(
    types: tuple[type, type], each: bool, kernel: int, group: int, stride: int, pads: list[int],
    dilation: int, has_bias: bool,
) -> None:  # fmt: skip
    inputs = _convolution(8, 16, kernel, group, *types, each=each)
    if not has_bias:
        inputs["bias"] = None
    ours, theirs = node(
        "QLinearConv", inputs, constant=_CONSTANT, version=10, group=group, pads=pads,
        strides=[stride] * 2, dilations=[dilation] * 2,
    )  # fmt: skip
    np.testing.assert_array_equal(ours, theirs)


def test_rounding_of_many_sums() -> None:
    inputs = _convolution(16, 64, 1, 1, np.uint8, np.uint8, each=True)
    inputs["x"] = _bytes((1, 16, 96, 96))
    ours, theirs = node("QLinearConv", inputs, constant=_CONSTANT, version=10)
    assert (theirs < 255).mean() > 0.2
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("channels", [28, 29, 64, 300])
@pytest.mark.parametrize("group", [1, 2])
def test_sums_beyond_24_bits(channels: int, group: int) -> None:
    channels -= channels % group
    inputs = _convolution(channels, 4, 3, group, np.uint8, np.uint8, each=True)
    inputs["x"][:] = 255
    inputs["x_zero"] = np.uint8(0)
    inputs["w"][:, ::2], inputs["w_zero"] = 253, np.zeros(4, np.uint8)
    inputs["y_scale"] = np.float32(2.0**-7)
    inputs["bias"] = -(inputs["w"].astype(np.int64).sum((1, 2, 3)) * 255 - 31).astype(np.int32)
    ours, theirs = node("QLinearConv", inputs, constant=_CONSTANT, version=10, group=group)
    assert 0 < theirs[0, 0, 3, 3] < 255  # what is left of sums of some tens of millions
    np.testing.assert_array_equal(ours, theirs)


def test_same_padding() -> None:
    inputs = _convolution(3, 4, 3, 1, np.uint8, np.uint8, each=False)
    for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        ours, theirs = node(
            "QLinearConv", inputs, constant=_CONSTANT, auto_pad=auto_pad, strides=[2, 2]
        )
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("dtype", [np.uint8])
def test_conv_integer(rank: int, dtype: type) -> None:
    given = {
        "x": _bytes((2, 40, *[9] * rank), dtype), "w": _bytes((5, 40, *[3] * rank), dtype),
        "x_zero": dtype(7), "w_zero": dtype(9),
    }  # fmt: skip
    ours, theirs = node("ConvInteger", given, pads=[1] * 2 * rank, constant=("w", "w_zero"))
    assert ours.dtype == np.int32
    np.testing.assert_array_equal(ours, theirs)
    given["x_zero"] = given["w_zero"] = None
    ours, theirs = node("ConvInteger", given, constant=("w",))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("types", [(np.uint8, np.uint8), (np.uint8, np.int8), (np.int8, np.int8)])
@pytest.mark.parametrize("inner", [5, 1000])
def test_products(types: tuple[type, type], inner: int) -> None:
    a, b = _bytes((3, 4, inner), types[0]), _bytes((inner, 6), types[1])
    zero_a, zero_b = types[0](3), types[1](0 if types[1] is np.int8 else 9)
    given = {"a": a, "b": b, "a_zero": zero_a, "b_zero": zero_b}
    constant = ("b", "b_zero", "b_scale")
    if types != (np.uint8, np.int8):  # whose sums may overflow at 16 bits without VNNI
        ours, theirs = node("MatMulInteger", given, constant=constant)
        np.testing.assert_array_equal(ours, theirs)
    scales = _RANDOM.random(6).astype(np.float32) + 0.5
    given = {
        "a": a, "a_scale": np.float32(0.3), "a_zero": zero_a, "b": b, "b_scale": scales,
        "b_zero": np.full(6, zero_b), "y_scale": np.float32(30.0 * inner**0.5 * 20),
        "y_zero": types[0](77),
    }  # fmt: skip
    ours, theirs = node("QLinearMatMul", given, constant=(*constant, "y_scale", "y_zero"))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("quantised", [False, True])
@pytest.mark.parametrize("turned", [0, 1])
def test_qgemm(each: bool, quantised: bool, turned: int) -> None:
    scales = _RANDOM.random(6 if each else 1).astype(np.float32) + 0.5
    weight = _bytes((6, 300) if turned else (300, 6))
    given = {
        "a": _bytes((4, 300)), "a_scale": np.float32(0.3), "a_zero": np.uint8(9), "b": weight,
        "b_scale": scales, "b_zero": np.full(len(scales), 120, np.uint8),
        "c": _RANDOM.integers(-9999, 9999, 6).astype(np.int32),
    }  # fmt: skip
    if quantised:
        given |= {"y_scale": np.float32(900.0), "y_zero": np.uint8(121)}
    constant = ("b", "b_zero", "b_scale", "c", "y_scale", "y_zero")
    ours, theirs = node(
        "QGemm", given, domain=MICROSOFT, constant=constant, transB=turned, alpha=1.5
    )
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("has_bias", [False, True])
def test_product_to_floats(has_bias: bool) -> None:
    given = {
        "a": _bytes((2, 3, 50)), "b": _bytes((50, 6)), "a_scale": np.float32(0.037),
        "b_scale": _RANDOM.random(6).astype(np.float32), "a_zero": np.uint8(5),
        "b_zero": np.full(6, 9, np.uint8),
        "bias": _RANDOM.random(6).astype(np.float32) if has_bias else None,
    }  # fmt: skip
    ours, theirs = node(
        "MatMulIntegerToFloat", given, domain=MICROSOFT, constant=("b", "b_scale", "b_zero", "bias")
    )
    np.testing.assert_allclose(ours, theirs, rtol=3e-7, atol=0)
    if not has_bias:
        np.testing.assert_array_equal(ours, theirs)
