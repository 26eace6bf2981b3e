"""Sizes and axes against onnxruntime: old operator sets, sizes of 0 and 1, what is recorded."""

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import agree, single
from helpers.onnx_recorded import node_targets
from onebyone.models.onnx.table import find

_X = np.arange(24, dtype=np.float32).reshape(2, 3, 1, 4)


@pytest.mark.parametrize("shape", [(2, -1), (0, 0, 4), (-1,), (4, 1, 3, 2), (0, 3, -1, 1)])
@pytest.mark.parametrize("opset", [7, 13, 14])
def test_reshape(shape: tuple[int, ...], opset: int) -> None:
    agree("Reshape", {"x": _X, "shape": np.array(shape)}, opset=opset)


def test_reshape_to_a_size_of_zero() -> None:
    empty = np.zeros((0, 3), np.float32)
    agree("Reshape", {"x": empty, "shape": np.array([3, 0])}, opset=14, allowzero=1)
    agree("Reshape", {"x": empty, "shape": np.array([0, 3, 1])}, opset=14)


@pytest.mark.parametrize("x", [_X, _X[:0], _X[0, 0, 0, 0], _X[0, 0, 0]])
@pytest.mark.parametrize("opset", [9, 11, 13])
def test_flatten(x: np.ndarray, opset: int) -> None:
    for axis in range(-x.ndim if opset > 9 else 0, x.ndim + 1):
        agree("Flatten", {"x": x}, opset=opset, axis=axis)


def test_transpose() -> None:
    agree("Transpose", {"x": _X}, opset=7)
    agree("Transpose", {"x": _X}, opset=13, perm=[0, 3, 1, 2])


def test_squeeze_by_attribute_and_by_input() -> None:
    agree("Squeeze", {"x": _X}, opset=7, axes=[2])
    agree("Squeeze", {"x": _X}, opset=11, axes=[-2])
    agree("Squeeze", {"x": _X}, opset=11)
    agree("Squeeze", {"x": _X, "axes": np.array([-2])}, opset=13)
    agree("Squeeze", {"x": _X}, opset=13)
    agree("Squeeze", {"x": _X[:1], "axes": np.array([0, 2])}, opset=13)


def test_an_axis_that_is_not_one_is_not_squeezed() -> None:
    entry = find("Squeeze", 13)
    assert entry is not None
    with pytest.raises(ValueError, match="axis 0 has the size 2"):
        entry.function(torch.from_numpy(_X), (0,))


@pytest.mark.parametrize("axes", [[0], [1, 4], [-1], [4, 1], [-1, 0, 3]])
def test_unsqueeze_by_attribute_and_by_input(axes: list[int]) -> None:
    if min(axes) >= 0:
        agree("Unsqueeze", {"x": _X}, opset=7, axes=axes)
    agree("Unsqueeze", {"x": _X}, opset=11, axes=axes)
    agree("Unsqueeze", {"x": _X, "axes": np.array(axes)}, opset=13)


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1,), (3, 1, 1), (6, 2, 3, 1, 4), (0, 1, 1, 1, 1)])
@pytest.mark.parametrize("opset", [8, 13])
def test_expand(shape: tuple[int, ...], opset: int) -> None:
    agree("Expand", {"x": _X, "shape": np.array(shape)}, opset=opset)


@pytest.mark.parametrize("repeats", [(1, 2, 3, 1), (1, 1, 1, 1), (2, 0, 1, 1)])
@pytest.mark.parametrize("opset", [7, 13])
def test_tile(repeats: tuple[int, ...], opset: int) -> None:
    agree("Tile", {"x": _X, "repeats": np.array(repeats)}, opset=opset)


def test_sizes() -> None:
    agree("Shape", {"x": _X}, opset=7)
    for start, end in ((1, 3), (-2, 9), (-9, -1), (3, 1)):
        agree("Shape", {"x": _X}, opset=15, start=start, end=end)
    agree("Size", {"x": _X}, opset=13)
    agree("Size", {"x": _X[:0]}, opset=7)


@pytest.mark.parametrize("opset", [7, 11, 13])
@pytest.mark.parametrize("block", [1, 2, 3])
def test_blocks_of_space(block: int, opset: int) -> None:
    x = np.arange(36 * 2 * 36, dtype=np.float32).reshape(2, 36, 6, 6)
    agree("DepthToSpace", {"x": x}, opset=opset, blocksize=block)
    agree("SpaceToDepth", {"x": x}, opset=opset, blocksize=block)
    if opset > 7:
        agree("DepthToSpace", {"x": x}, opset=opset, blocksize=block, mode="CRD")


def test_shapes_are_recorded() -> None:
    x = torch.rand(1, 8, 4, 4)
    assert node_targets("Flatten", x) == ["sym_size", "reshape"]
    assert node_targets("Transpose", x, perm=(0, 2, 3, 1)) == ["permute"]
    assert node_targets("Unsqueeze", x, [2]) == ["unsqueeze"]
    assert node_targets("Squeeze", torch.rand(1, 8, 1, 1), [2, 3]) == ["squeeze"]
    assert node_targets("Tile", x, [1, 2, 1, 1]) == ["repeat"]
    assert node_targets("DepthToSpace", x, blocksize=2, mode="CRD") == ["pixel_shuffle"]
    assert "permute" in node_targets("SpaceToDepth", x, blocksize=2)


def test_what_is_compared_can_differ() -> None:
    found, _ = single("Transpose", {"x": _X}, opset=13)
    assert not np.array_equal(found[0], _X.reshape(4, 1, 3, 2))
