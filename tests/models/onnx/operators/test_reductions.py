"""Reductions against onnxruntime: old operator sets, empty sets, integers, halves, recordings."""

from typing import Any

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import agree
from helpers.onnx_recorded import node_targets
from onebyone.models.onnx.table import find

_ALL = [
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
    "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare",
]  # fmt: skip
_X = np.random.default_rng(0).uniform(0.5, 1.5, (2, 3, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("axes", [None, [1], [-1, -2], [0, 2, 3]])
@pytest.mark.parametrize("operator", _ALL)
def test_like_onnxruntime(operator: str, axes: list[int] | None, keepdims: int) -> None:
    named: dict[str, Any] = {} if axes is None else {"axes": axes}
    for opset in (7, 11) if axes is None or min(axes) >= 0 else (11,):
        agree(operator, {"x": _X}, opset=opset, keepdims=keepdims, **named)
    opset = 13 if operator == "ReduceSum" else 18
    inputs = {"x": _X} if axes is None else {"x": _X, "axes": np.array(axes)}
    agree(operator, inputs, opset=opset, keepdims=keepdims)


@pytest.mark.parametrize("operator", _ALL)
def test_of_no_axes(operator: str) -> None:
    nothing = np.array([], np.int64)
    opset = 13 if operator == "ReduceSum" else 18
    agree(operator, {"x": _X, "axes": nothing}, opset=opset)
    expected = {
        "ReduceL2": np.abs, "ReduceLogSum": np.log, "ReduceSumSquare": np.square,
    }.get(operator, np.positive)  # fmt: skip
    entry = find(operator, 18)
    assert entry is not None
    for axes in (None, ()):
        found = entry.function(torch.from_numpy(_X), axes, noop_with_empty_axes=1)
        np.testing.assert_allclose(found, expected(_X), rtol=1e-6)


@pytest.mark.parametrize("operator", _ALL)
def test_of_one_number(operator: str) -> None:
    agree(operator, {"x": np.float32(0.7)}, opset=11)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("ReduceSum", 0), ("ReduceProd", 1), ("ReduceMax", -np.inf), ("ReduceMin", np.inf),
        ("ReduceL1", 0), ("ReduceL2", 0), ("ReduceSumSquare", 0), ("ReduceLogSum", -np.inf),
        ("ReduceLogSumExp", -np.inf),
    ],
)  # fmt: skip
def test_of_no_numbers(operator: str, expected: float) -> None:
    entry = find(operator, 18)
    assert entry is not None
    found = entry.function(torch.zeros(2, 0, 3), (1,), keepdims=1)
    np.testing.assert_array_equal(found, np.full((2, 1, 3), expected, np.float32))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("operator", ["ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"])
def test_of_integers(operator: str, dtype: str) -> None:
    x = np.arange(-4, 8).reshape(3, 4).astype(dtype)
    agree(operator, {"x": x}, opset=11, axes=[1])


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("operator", ["ReduceMax", "ReduceMin"])
def test_of_bytes(operator: str, dtype: str) -> None:
    agree(operator, {"x": np.arange(12).reshape(3, 4).astype(dtype)}, opset=13, axes=[0])


@pytest.mark.parametrize(("operator", "expected"), [("ReduceMax", True), ("ReduceMin", False)])
def test_of_booleans(operator: str, expected: bool) -> None:
    agree(operator, {"x": np.array([[True, False], [False, True]])}, opset=20)


def test_mean_of_integers_is_cut_off() -> None:
    agree("ReduceMean", {"x": np.array([[1, 2], [-1, -2]], np.int32)}, opset=11, axes=[1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("operator", _ALL)
def test_halves_are_close_to_exact_numbers(operator: str, dtype: torch.dtype) -> None:
    entry = find(operator, 18)
    assert entry is not None
    x = torch.rand(2, 3, 4).to(dtype) + 0.5
    found, expected = (entry.function(t, (1, 2)) for t in (x, x.double()))
    assert found.dtype is dtype
    torch.testing.assert_close(found.double(), expected, rtol=8 * torch.finfo(dtype).eps, atol=0)


def test_a_norm_of_halves_does_not_leave_their_range() -> None:
    entry = find("ReduceL2", 18)
    assert entry is not None
    assert entry.function(torch.full((4,), 300.0, dtype=torch.float16)).item() == 600


def test_reductions_are_recorded_as_the_engine_knows_them() -> None:
    x = torch.rand(1, 3, 4, 5)
    names = {"ReduceMean": "mean", "ReduceMax": "amax", "ReduceMin": "amin", "ReduceSum": "sum"}
    for operator, target in names.items():
        assert node_targets(operator, x, [2, 3]) == [target]
    assert node_targets("ReduceL2", x, [1]) == ["mul", "sum", "sqrt"]
    assert node_targets("ReduceProd", x, [2, 3]) == ["prod", "prod"]
