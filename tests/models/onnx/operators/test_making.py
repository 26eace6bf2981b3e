"""Tensors that are made, against onnxruntime."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from helpers.onnx_nodes import agree, run, single
from helpers.onnx_recorded import node_targets


def _constant(**attribute: Any) -> np.ndarray:
    node = helper.make_node("Constant", [], ["y"], **attribute)
    graph = helper.make_graph([node], "one", [], [onnx.ValueInfoProto(name="y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (found,) = run(model, [])
    from onnx.reference import ReferenceEvaluator

    (expected,) = ReferenceEvaluator(model).run(None, {})
    assert found.dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(found, expected)
    return found


def test_constants_of_every_kind() -> None:
    _constant(value=helper.make_tensor("v", TensorProto.FLOAT16, [2], [1.0, 2.0]))
    assert _constant(value_float=1.5).shape == ()
    assert _constant(value_floats=[1.5, 2.5]).shape == (2,)
    assert _constant(value_int=7).dtype == np.int64
    assert _constant(value_ints=[7, 8]).tolist() == [7, 8]


@pytest.mark.parametrize(
    ("dims", "indices", "shape"), [([5], [1, 3], [2]), ([2, 3], [0, 1, 1, 2], [2, 2])]
)
def test_sparse_constants(dims: list[int], indices: list[int], shape: list[int]) -> None:
    values = helper.make_tensor("v", TensorProto.FLOAT, [2], [1.0, 2.0])
    places = helper.make_tensor("i", TensorProto.INT64, shape, indices)
    node = helper.make_node(
        "Constant", [], ["y"], sparse_value=helper.make_sparse_tensor(values, places, dims)
    )
    graph = helper.make_graph([node], "one", [], [onnx.ValueInfoProto(name="y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    expected = np.zeros(dims, np.float32)
    expected[tuple(np.array(indices).reshape(shape).T if len(shape) > 1 else [indices])] = [1, 2]
    np.testing.assert_array_equal(run(model, [])[0], expected)


@pytest.mark.parametrize("shape", [[2, 3], [0], [], [1]])
def test_constants_of_a_shape(shape: list[int]) -> None:
    inputs = {"shape": np.array(shape, np.int64)}
    agree("ConstantOfShape", inputs, opset=9)
    value = helper.make_tensor("v", TensorProto.INT64, [1], [7])
    agree("ConstantOfShape", inputs, opset=9, value=value)


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64", "int16"])
@pytest.mark.parametrize("numbers", [(0, 7, 2), (9, 1, -3), (3, 3, 1), (5, 2, 1), (-2, 2, 1)])
def test_ranges(numbers: tuple[int, int, int], dtype: str) -> None:
    start, limit, delta = (np.array(n, dtype) for n in numbers)
    agree("Range", {"start": start, "limit": limit, "delta": delta}, opset=11)


@pytest.mark.parametrize("k", [-2, 0, 1, 9])
def test_eyes(k: int) -> None:
    agree("EyeLike", {"x": np.ones((3, 4), np.float32)}, opset=9, k=k)
    agree("EyeLike", {"x": np.ones((3, 4), np.int32)}, opset=9, k=k, dtype=TensorProto.FLOAT)


@pytest.mark.parametrize("axis", [-1, 0, 1, -2])
@pytest.mark.parametrize(
    ("dtype", "of"), [("int64", "int64"), ("float32", "float32"), ("int64", "float32")]
)
def test_one_hot(axis: int, dtype: str, of: str) -> None:
    indices = np.array([[0, 2, -1], [3, -4, 9]], dtype)
    depth, values = np.array([4], dtype), np.array([2, 5], of)
    agree("OneHot", {"i": indices, "d": depth, "v": values}, opset=11, axis=axis)


@pytest.mark.parametrize("x", [np.eye(3, dtype=np.float32), np.zeros((2, 2)), np.array(5.0)])
def test_where_constants_are_not_zero(x: np.ndarray) -> None:
    if x.ndim:
        agree("NonZero", {"x": x.astype(np.float32)}, opset=9)
        return
    found, expected = single("NonZero", {"x": x.astype(np.float32)}, opset=13)
    assert found[0].shape == expected[0].shape


@pytest.mark.parametrize("in_order", [0, 1])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_unique_constants(axis: int | None, in_order: int) -> None:
    x = np.array([[3, 1, 3], [2, 1, 2], [3, 1, 3]], np.float32)
    named = {} if axis is None else {"axis": axis}
    agree("Unique", {"x": x}, opset=11, outputs=4, sorted=in_order, **named)


def test_what_follows_from_the_windows_is_recorded() -> None:
    x = torch.rand(1, 6)
    assert "where" in node_targets("OneHot", x, np.int64(3), np.float32([0, 1]))
