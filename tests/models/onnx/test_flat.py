"""Reads of all numbers of a flat tensor are reshapes, and no others are."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from helpers.onnx_export import Runtime
from onebyone.models.loading import load
from onebyone.models.pieces import InPieces

node = helper.make_node


def saved(path: Path, batch: int | str, nodes: list[onnx.NodeProto], **stored: object) -> Path:
    """A file of windows of 1×2×2, flattened, and what nodes make of them."""
    tensors = [
        onnx.numpy_helper.from_array(np.array(value), name)
        for name, value in {"all": [-1], **stored}.items()
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (batch, 1, 2, 2))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (batch, "numbers"))
    flat = node("Reshape", ["x", "all"], ["flat"])
    graph = helper.make_graph([flat, *nodes], "g", [x], [y], tensors)
    opset = [helper.make_opsetid("", 18)]
    made = helper.make_model(graph, opset_imports=opset, ir_version=9)
    path.write_bytes(made.SerializeToString())
    return path


def gives_the_same(path: Path, *, in_pieces: bool) -> bool:
    network = load(path).network
    assert isinstance(network, InPieces) == in_pieces
    windows = torch.randn(3, 1, 2, 2)
    (asked,) = Runtime(path)(windows)
    return torch.equal(network(windows), asked)


GATHER = [node("Gather", ["flat", "places"], ["y"])]


@pytest.mark.parametrize(
    ("places", "whole"), [([[0, 1, 2, 3]], True), ([[0, 2, 1, 3]], False), ([[0, 1, 2]], False)]
)
def test_of_one_window(places: list[list[int]], whole: bool, tmp_path: Path) -> None:
    path = saved(tmp_path / "net.onnx", 1, GATHER, places=places)
    assert gives_the_same(path, in_pieces=not whole)


def test_of_any_batch(tmp_path: Path) -> None:
    """The places follow from the batch, as the exporter computes them."""
    nodes = [
        node("Size", ["x"], ["count"]),
        node("Range", ["nought", "count", "one"], ["range"]),
        node("Reshape", ["range", "rows"], ["places"]),
        *GATHER,
    ]
    path = saved(tmp_path / "net.onnx", "N", nodes, nought=0, one=1, rows=[-1, 4])
    assert gives_the_same(path, in_pieces=False)
    steps = [getattr(m, "operator", None) for m in load(path).network.modules()]
    assert not [op for op in steps if op and op.name == "Gather"]


def test_of_the_first_windows_of_any_batch(tmp_path: Path) -> None:
    """As many numbers as those of a run's windows are not all of another batch's."""
    places = np.arange(28).reshape(7, 4)
    network = load(saved(tmp_path / "net.onnx", "N", GATHER, places=places)).network
    assert network(torch.randn(9, 1, 2, 2)).shape == (7, 4)
