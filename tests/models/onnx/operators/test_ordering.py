"""Order along an axis against onnxruntime: equal numbers, integers, old operator sets."""

from typing import Any

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import agree
from helpers.onnx_recorded import node_targets

_X = np.random.default_rng(0).integers(0, 4, (4, 6, 5))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_of_equal_numbers_the_first_is_largest(axis: int, dtype: str) -> None:
    inputs = {"x": _X.astype(dtype), "k": np.array([3])}
    for largest in (0, 1):
        agree("TopK", inputs, opset=11, outputs=2, axis=axis, largest=largest)


def test_largest_of_old_operator_sets() -> None:
    x = _X.astype(np.float32)
    agree("TopK", {"x": x}, opset=7, outputs=2, axis=1, k=2)
    agree("TopK", {"x": x, "k": np.array([1])}, opset=10, outputs=2)
    agree("TopK", {"x": x, "k": np.array([0])}, opset=11, outputs=2)


@pytest.mark.parametrize("operator", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_places_of_extremes(axis: int, keepdims: int, operator: str) -> None:
    for dtype in ("float32", "int32"):
        x = _X.astype(dtype)
        for opset in (7, 11) if axis >= 0 else (11,):
            agree(operator, {"x": x}, opset=opset, axis=axis, keepdims=keepdims)
        named = {"axis": axis, "keepdims": keepdims, "select_last_index": 1}
        agree(operator, {"x": x}, opset=13, **named)
    agree(operator, {"x": _X.astype(np.float32)}, opset=13)


@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
def test_running_sums(dtype: str, exclusive: int, reverse: int) -> None:
    named = {"exclusive": exclusive, "reverse": reverse}
    for axis in (0, 1, -1):
        inputs: dict[str, Any] = {"x": _X.astype(dtype), "axis": np.array(axis)}
        agree("CumSum", inputs, opset=11, **named)
        agree("CumSum", {**inputs, "axis": np.array(axis, np.int32)}, opset=14, **named)


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_triangles(dtype: str, upper: int) -> None:
    x = _X.astype(dtype)
    agree("Trilu", {"x": x}, opset=14, upper=upper)
    for k in (-9, -1, 0, 2, 9):
        agree("Trilu", {"x": x, "k": np.array(k)}, opset=14, upper=upper)


def test_order_is_recorded() -> None:
    x = torch.rand(1, 6, 5, 5)
    assert "sort" in node_targets("TopK", x, [2], axis=1)
    assert node_targets("ArgMax", x, axis=1) == ["argmax"]
    assert node_targets("CumSum", x, np.int64(1)) == ["cumsum"]
    assert node_targets("CumProd", x, np.int64(1), opset=26) == ["cumprod"]
    assert node_targets("Trilu", x) == ["triu"]
