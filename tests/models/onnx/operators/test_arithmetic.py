"""Arithmetic against onnxruntime and NumPy: old operator sets, types, and what is recorded."""

from typing import Any

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import agree, run, single
from helpers.onnx_recorded import node_targets
from onebyone.models.onnx.table import find

_RNG = np.random.default_rng(0)
_NUMBERS = _RNG.uniform(0.1, 0.9, (2, 3, 4))


@pytest.mark.parametrize("opset", [7, 13])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div"])
def test_two_like_onnxruntime(operator: str, dtype: str, opset: int) -> None:
    a = (_NUMBERS * 20 - 9).astype(dtype)
    b = (_NUMBERS[0, :, ::-1] * 7 + 1).astype(dtype)
    agree(operator, {"a": a, "b": b}, opset=opset)


@pytest.mark.parametrize(
    ("base", "exponent"),
    [
        ("int32", "int32"),
        ("float64", "float64"),
        ("int32", "float32"),
        ("float32", "int64"),
        ("float32", "float64"),
        ("int64", "int32"),
    ],
)
def test_power_has_the_type_of_its_base(base: str, exponent: str) -> None:
    x = (_NUMBERS * 9 + 1).astype(base)
    agree("Pow", {"x": x, "y": np.array([0, 1, 2, 3], exponent)}, opset=15)


def test_power_of_a_constant_is_recorded_as_a_square() -> None:
    x = torch.rand(1, 2, 3, 3)
    entry = find("Pow", 15)
    assert entry is not None
    assert node_targets("Pow", x, np.float32(2)) == ["pow"]
    assert torch.equal(entry.function(x, 2.0), x * x)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Mod"])
def test_unsigned_integers_wrap_as_in_numpy(operator: str, dtype: str) -> None:
    a, b = np.array([3, np.iinfo(dtype).max // 2, 7], dtype), np.array([5, 100, 7], dtype)
    expected = {
        "Add": a + b, "Sub": a - b, "Mul": a * b, "Div": a // b, "Max": np.maximum(a, b),
        "Min": np.minimum(a, b), "Mod": a % b,
    }[operator]  # fmt: skip
    node = _model(operator, a, b)
    (found,) = run(node, [a, b])
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def _model(operator: str, *inputs: Any, opset: int = 18, **attributes: Any) -> Any:
    import onnx

    helper = onnx.helper
    names = [f"x{k}" for k in range(len(inputs))]
    node = helper.make_node(operator, names, ["y"], **attributes)
    values = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for n, x in zip(names, inputs, strict=True)
    ]
    graph = helper.make_graph([node], "one", values, [onnx.ValueInfoProto(name="y")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


@pytest.mark.parametrize(
    "operator",
    [
        "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf",
        "Exp", "Floor", "Log", "Neg", "Reciprocal", "Round", "Sign", "Sin", "Sinh", "Sqrt", "Tan",
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(2, 3, 4), (0, 3), ()])
def test_one_like_onnxruntime(operator: str, shape: tuple[int, ...]) -> None:
    x = np.array(_RNG.uniform(0.1, 0.9, shape), np.float32)
    x = x + 1 if operator == "Acosh" else x
    for opset in (11, 18):
        agree(operator, {"x": x}, opset=opset)


def test_halves_are_rounded_to_the_even_one() -> None:
    agree("Round", {"x": np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], np.float32)}, opset=11)


@pytest.mark.parametrize("opset", [8, 12, 13])
@pytest.mark.parametrize("operator", ["Sum", "Mean", "Max", "Min"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_like_onnxruntime(operator: str, count: int, opset: int) -> None:
    shapes = [(2, 3, 4), (3, 1), (4,), ()]
    inputs = {f"x{k}": np.array(_RNG.random(s), np.float32) for k, s in enumerate(shapes[:count])}
    agree(operator, inputs, opset=opset)


@pytest.mark.parametrize("operator", ["Max", "Min"])
def test_no_number_is_kept(operator: str) -> None:
    a, b = np.array([np.nan, 1, 2], np.float32), np.array([0, np.nan, 3], np.float32)
    agree(operator, {"a": a, "b": b}, opset=13)


@pytest.mark.parametrize("fmod", [0, 1])
@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8"])
def test_remainder_has_the_sign_that_is_asked_for(dtype: str, fmod: int) -> None:
    a = np.array([-7, -3, 5, 9]).astype(dtype)
    b = np.array([3, 2, 3, 4] if dtype == "uint8" else [3, -2, -3, 4]).astype(dtype)
    agree("Mod", {"a": a, "b": b}, opset=13, fmod=fmod)


def test_remainder_of_floats() -> None:
    a, b = np.array([-7.5, 5.25, 0.0], np.float32), np.array([2, -3, 4], np.float32)
    agree("Mod", {"a": a, "b": b}, opset=13, fmod=1)
    assert find("Mod", 28).function(torch.tensor(-7.5), torch.tensor(2.0)) == 0.5  # type: ignore[union-attr]


@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
@pytest.mark.parametrize("dtype", ["uint8", "uint32"])
def test_shifts_like_onnxruntime(dtype: str, direction: str) -> None:
    x, y = np.array([255, 17, 1], dtype), np.array([1, 3, 7], dtype)
    agree("BitShift", {"x": x, "y": y}, opset=11, direction=direction)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_keep_their_type(dtype: str) -> None:
    kind = getattr(torch, dtype)
    x = torch.rand(2, 3).to(kind)
    for name in ("Add", "Div", "Pow", "Max", "Mean"):
        entry = find(name, 18)
        assert entry is not None
        assert entry.function(x, x).dtype is kind


def test_arithmetic_is_recorded_as_it_is() -> None:
    x = torch.rand(1, 2, 3, 3)
    ones = np.ones((2, 1, 1), np.float32)
    names = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Max": "maximum"}
    for operator, target in names.items():
        assert node_targets(operator, x, ones) == [target]
    assert node_targets("Exp", x) == ["exp"]


def test_what_is_compared_can_differ() -> None:
    found, expected = single("Sub", {"a": np.float32([1]), "b": np.float32([2])}, opset=13)
    assert found[0] == expected[0] == -1
