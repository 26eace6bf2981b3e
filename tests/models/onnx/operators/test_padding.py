"""Paddings against onnxruntime: every mode, negative ones, old operator sets, recordings."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.onnx_nodes import agree
from helpers.onnx_recorded import node_targets
from onebyone.models.onnx.operators.padding import pad

_X = np.random.default_rng(0).random((2, 3, 4, 5)).astype(np.float32)


@st.composite
def padded(draw: st.DrawFn) -> tuple[Any, list[int], str]:
    rank = draw(st.integers(1, 4))
    x = _X[(0,) * (4 - rank)]
    mode = draw(st.sampled_from(["constant", "reflect", "edge", "wrap"]))
    low = -1 if mode in ("constant", "edge") else 0
    most = [n - 1 if mode in ("reflect", "wrap") else 2 for n in x.shape]
    pads = [draw(st.integers(low, m)) for m in most * 2]
    return x, pads, mode


@given(padded())
def test_like_onnxruntime(case: tuple[Any, list[int], str]) -> None:
    x, pads, mode = case
    agree("Pad", {"x": x, "pads": np.array(pads)}, opset=19, mode=mode)
    if mode != "wrap":
        agree("Pad", {"x": x, "pads": np.array(pads)}, opset=11, mode=mode)
        agree("Pad", {"x": x}, opset=7, pads=pads, mode=mode)


def test_a_value() -> None:
    pads = np.array([0, 0, 1, 2, 0, 1, 0, 3])
    agree("Pad", {"x": _X, "pads": pads, "value": np.float32(-1)}, opset=13)
    agree("Pad", {"x": _X}, opset=7, pads=pads.tolist(), value=2.5)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float64", "bool", "uint8"])
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_of_other_types(mode: str, dtype: str) -> None:
    x = (np.arange(12).reshape(1, 1, 3, 4) % 5).astype(dtype)
    agree("Pad", {"x": x, "pads": np.array([0, 0, 1, 1, 0, 0, 2, 0])}, opset=13, mode=mode)


def test_of_some_axes() -> None:
    inputs = {"x": _X, "pads": np.array([1, 2, 0, 3]), "value": np.float32(4)}
    agree("Pad", {**inputs, "axes": np.array([-1, 1])}, opset=18)
    agree("Pad", {**inputs, "value": None, "axes": np.array([3, 2])}, opset=18, mode="edge")


@pytest.mark.parametrize(("mode", "numpys"), [("reflect", "reflect"), ("wrap", "wrap")])
def test_wider_than_the_tensor_is_as_in_numpy(mode: str, numpys: Any) -> None:
    found = pad(torch.from_numpy(_X), (0, 0, 9, 1, 0, 0, 3, 12), mode=mode)
    expected = np.pad(_X, [(0, 0), (0, 0), (9, 3), (1, 12)], numpys)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("mode", ["reflect", "wrap"])
def test_as_wide_as_the_tensor_is_as_in_numpy(mode: Any) -> None:
    found = pad(torch.from_numpy(_X), (0, 0, 4, 0, 0, 0, 0, 5), mode=mode)
    np.testing.assert_array_equal(found, np.pad(_X, [(0, 0), (0, 0), (4, 0), (0, 5)], mode))


def test_one_number_is_reflected_as_in_numpy() -> None:
    found = pad(torch.ones(1, 1, 1), (0, 0, 2, 0, 0, 1), mode="reflect")
    np.testing.assert_array_equal(found, np.ones((1, 1, 4)))


def test_along_space_it_is_recorded_as_pytorchs() -> None:
    x = torch.rand(1, 3, 5, 5)
    for mode in ("constant", "reflect", "edge", "wrap"):
        assert node_targets("Pad", x, [0, 0, 1, 1, 0, 0, 1, 2], mode=mode) == ["pad"]
        assert node_targets("Pad", x, [0] * 8, mode=mode) == []
    assert "index_select" in node_targets("Pad", x, [0, 1, 0, 0, 0, 0, 0, 0], mode="edge")
