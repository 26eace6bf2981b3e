"""Places that tensors say, against onnxruntime: negative ones, none, reductions, recordings."""

from typing import Any

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import agree
from helpers.onnx_recorded import node_targets
from onebyone.models.onnx.operators.indexing import gather

_RNG = np.random.default_rng(0)
_X = _RNG.random((4, 6, 5)).astype(np.float32)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("opset", [7, 11, 13])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("indices", [1, [2], [[0, 3], [3, 1]], [], [3, 2, 1], [0, 2]])
def test_gather(indices: Any, axis: int, opset: int, dtype: str) -> None:
    agree("Gather", {"x": _X, "indices": np.array(indices, dtype)}, opset=opset, axis=axis)


@pytest.mark.parametrize(
    "indices", [0, -1, [2], [-2], [0, 1, 2], [3, 2, 1], [-1, -3], [0, 0], [-1, 0], [1, 3, 0], []]
)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_constant_indices_gather_as_computed_ones(indices: Any, axis: int) -> None:
    from onebyone.models.onnx.node import Node
    from onebyone.models.onnx.table import find

    entry = find("Gather", 13)
    assert entry is not None
    places, x = torch.tensor(indices, dtype=torch.int64), torch.from_numpy(_X)
    found = Node(entry, {"axis": axis}, [0, places])(x)
    np.testing.assert_array_equal(found, np.take(_X, places.numpy(), axis))


def test_one_number_of_a_row() -> None:
    agree("Gather", {"x": _X[0, 0], "indices": np.array(-2)}, opset=13)
    agree("GatherND", {"x": _X[0, 0], "indices": np.array([-2])}, opset=12)


def test_constant_indices_are_recorded_as_parts() -> None:
    x = torch.rand(1, 6, 5, 5)
    assert node_targets("Gather", x, np.int64(1), axis=1) == ["select"]
    assert node_targets("Gather", x, [1], axis=1) == ["slice"]
    assert node_targets("Gather", x, [2, 1, 0], axis=1) == ["slice", "flip"]
    assert "index_select" in node_targets("Gather", x, [2, 0, 1], axis=1)


def test_a_constant_index_beyond_the_end_is_refused() -> None:
    with pytest.raises(IndexError, match="the index 6 is not among 6"):
        gather(torch.from_numpy(_X), range(5, 7), axis=1)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_gather_elements(axis: int, dtype: str) -> None:
    indices = _RNG.integers(-4, 4, (4, 6, 5)).astype(dtype)
    agree("GatherElements", {"x": _X, "indices": indices}, opset=11, axis=axis)
    agree("GatherElements", {"x": _X, "indices": indices[:2, :1, :0]}, opset=13, axis=axis)


@pytest.mark.parametrize(
    ("shape", "batch"),
    [((2, 3), 0), ((7, 1), 0), ((2,), 0), ((4, 3, 1), 1), ((4, 6, 1), 2), ((4, 2), 1)],
)
def test_gather_nd(shape: tuple[int, ...], batch: int) -> None:
    indices = _RNG.integers(-4, 4, shape)
    agree("GatherND", {"x": _X, "indices": indices}, opset=12, batch_dims=batch)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_scatter_elements(axis: int) -> None:
    indices = np.argsort(_RNG.random((4, 6, 5)), axis)[:3, :2, :4] - 1
    indices = np.clip(indices, 0, 3)
    updates = _RNG.random(indices.shape).astype(np.float32)
    inputs = {"x": _X, "indices": indices, "updates": updates}
    if axis >= 0:
        unique = np.argsort(_RNG.random(_X.shape), axis)
        whole = {"x": _X, "indices": unique - _X.shape[axis] * (unique % 2), "updates": _X + 1}
        agree("Scatter", {**whole, "indices": unique}, opset=9, axis=axis)
        agree("ScatterElements", whole, opset=11, axis=axis)
    for reduction in ("add", "mul", "max", "min"):
        opset = 18 if reduction[0] == "m" and reduction != "mul" else 16
        agree("ScatterElements", inputs, opset=opset, axis=axis, reduction=reduction)


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_scatter_nd(depth: int, reduction: str) -> None:
    indices = np.array([[0, 1, 2], [3, 2, 1], [-1, -2, -3], [0, 1, 2]])[:, :depth]
    indices = indices[1:2] if reduction == "none" else indices
    updates = _RNG.random((len(indices), *_X.shape[depth:])).astype(np.float32)
    inputs = {"x": _X, "indices": indices, "updates": updates}
    agree("ScatterND", inputs, opset=18, reduction=reduction)
    if reduction == "none":
        agree("ScatterND", inputs, opset=11)


@pytest.mark.parametrize(("batch", "time"), [(0, 1), (1, 0)])
def test_sequences_are_reversed_up_to_their_lengths(batch: int, time: int) -> None:
    lengths = _RNG.integers(0, _X.shape[time] + 1, _X.shape[batch])
    inputs = {"x": _X, "lengths": lengths}
    agree("ReverseSequence", inputs, opset=10, batch_axis=batch, time_axis=time)


def test_indexing_is_recorded() -> None:
    x = torch.rand(1, 6, 5, 5)
    assert "index_select" in node_targets("GatherND", x, np.zeros((1, 1, 1), int), batch_dims=0)
    updates = np.ones((1, 5), np.float32)
    assert "scatter" in node_targets("ScatterND", x, np.array([[0, 1, 2]]), updates)
