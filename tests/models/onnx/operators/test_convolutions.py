"""Convolutions against onnxruntime, where the node tests of ONNX leave off."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.onnx_nodes import single
from helpers.onnx_recorded import targets
from onebyone.models.onnx.operators.convolutions import col2im, conv, conv_transpose

_RNG = np.random.default_rng(0)


def image(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return _RNG.standard_normal(shape).astype(dtype)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[tuple[int, ...], int, dict[str, Any]]:
    """Sizes of space, groups, and attributes that both kinds take."""
    rank = draw(st.integers(1, 3))

    def each(low: int, high: int, times: int = 1) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=rank * times, max_size=rank * times))

    groups = draw(st.integers(1, 3))
    found: dict[str, Any] = {
        "kernel_shape": each(1, 3),
        "strides": each(1, 3),
        "dilations": each(1, 2),
        "group": groups,
    }
    auto = draw(st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if auto == "NOTSET":
        found["pads"] = each(0, 2, 2)
    else:
        found["auto_pad"] = auto
    if auto.startswith("SAME"):  # onnxruntime has no dilations there
        found["dilations"] = [1] * rank
    return tuple(each(5, 8)), groups, found


def close(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-5)


@given(convolutions(), st.booleans())
def test_conv_like_onnxruntime(case: Any, biased: bool) -> None:
    sizes, groups, attributes = case
    inputs = {
        "X": image(2, 2 * groups, *sizes),
        "W": image(3 * groups, 2, *attributes["kernel_shape"]),
        **({"B": image(3 * groups)} if biased else {}),
    }
    close(*single("Conv", inputs, opset=11, **attributes))


@given(convolutions(), st.booleans(), st.data())
def test_conv_transpose_like_onnxruntime(case: Any, biased: bool, data: st.DataObject) -> None:
    sizes, groups, attributes = case
    kernel, strides, dilations = (
        attributes[name] for name in ("kernel_shape", "strides", "dilations")
    )
    extra = [0] * len(sizes)
    if data.draw(st.booleans()):
        steps = zip(strides, dilations, strict=True)
        extra = attributes["output_padding"] = [
            data.draw(st.integers(0, max(step) - 1)) for step in steps
        ]
    axes = zip(sizes, strides, dilations, kernel, extra, strict=True)
    whole = [(n - 1) * s + d * (k - 1) + 1 + e for n, s, d, k, e in axes]
    if data.draw(st.booleans()):
        attributes.pop("pads", None)
        attributes["output_shape"] = [n - data.draw(st.integers(0, 2)) for n in whole]
    elif "pads" in attributes:
        pads = zip(attributes["pads"], whole * 2, strict=True)
        attributes["pads"] = [min(p, (n - 1) // 2) for p, n in pads]
    elif attributes["auto_pad"] != "VALID":  # onnxruntime refuses strides that go over places
        attributes["strides"] = [min(s, k) for s, k in zip(strides, kernel, strict=True)]
        attributes.pop("output_padding", None)
    inputs = {
        "X": image(2, 2 * groups, *sizes),
        "W": image(2 * groups, 3, *attributes["kernel_shape"]),
        **({"B": image(3 * groups)} if biased else {}),
    }
    close(*single("ConvTranspose", inputs, opset=11, **attributes))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_types(dtype: torch.dtype) -> None:
    x, weight, bias = torch.rand(2, 3, 6, 6), torch.rand(4, 3, 3, 3), torch.rand(4)
    exact = torch.nn.functional.conv2d(x.double(), weight.double(), bias.double())
    found = conv(x.to(dtype), weight.to(dtype), bias.to(dtype))
    assert found.dtype is dtype
    assert (found.double() - exact).abs().max() < 40 * torch.finfo(dtype).eps * exact.max()


def test_what_pytorch_has_is_recorded_as_that() -> None:
    x = torch.rand(1, 3, 7, 7)

    def convolved(t: torch.Tensor) -> torch.Tensor:
        weight = torch.ones(4, 3, 3, 3, device=t.device)
        return conv(t, weight, auto_pad="SAME_UPPER", strides=(2, 2))

    def transposed(t: torch.Tensor) -> torch.Tensor:
        weight = torch.ones(3, 4, 3, 3, device=t.device)
        return conv_transpose(t, weight, pads=(1, 1, 0, 0), strides=(2, 2))

    assert targets(convolved, x) == ["ones", "conv2d"]
    assert targets(transposed, x) == ["ones", "conv_transpose2d"]


def test_blocks_are_recorded() -> None:
    found = targets(lambda t: col2im(t.flatten(2), (5, 5), (2, 2)), torch.rand(1, 8, 4, 4))
    assert "conv_transpose2d" in found
