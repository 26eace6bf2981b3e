"""Quantising and dequantising, for what ONNX's own cases leave out."""

import numpy as np
import pytest
import torch
from torch import nn

from helpers.onnx_quantised import node
from onebyone.graphs.capture import capture
from onebyone.models.onnx.node import Node
from onebyone.models.onnx.table import find

_NUMBERS = np.concatenate([
    np.linspace(-700, 700, 301, dtype=np.float32),
    np.arange(-20.5, 20, dtype=np.float32),  # halves, which go to the even one
]).reshape(1, 6, 3, 19)  # fmt: skip


@pytest.mark.parametrize("opset", [10, 13, 19, 21, 23])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
def test_one_scale(opset: int, dtype: type) -> None:
    if opset < 21 and np.dtype(dtype).itemsize > 1:
        pytest.skip("ONNX has it since 21")
    zero = dtype(np.iinfo(dtype).max // 3)
    given = {"x": _NUMBERS, "scale": np.float32(1.0), "zero": zero}
    ours, theirs = node("QuantizeLinear", given, version=opset)
    assert ours.dtype == theirs.dtype == dtype
    np.testing.assert_array_equal(ours, theirs)
    given = {"x": theirs, "scale": np.float32(0.37), "zero": zero}
    ours, theirs = node("DequantizeLinear", given, version=opset)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("opset", [10, 19, 23])
def test_no_zero_point(opset: int) -> None:
    ours, theirs = node("QuantizeLinear", {"x": _NUMBERS, "scale": np.float32(0.3)}, version=opset)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == np.uint8
    whole = np.arange(-9, 9, dtype=np.int32) * 12345677
    ours, theirs = node("DequantizeLinear", {"x": whole, "scale": np.float32(0.3)}, version=opset)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("opset", [13, 19, 23])
@pytest.mark.parametrize("axis", [0, 1, 3, -1, -3])
def test_a_scale_for_each_place_of_an_axis(opset: int, axis: int) -> None:
    count = _NUMBERS.shape[axis]
    scales = np.linspace(0.1, 3, count, dtype=np.float32)
    zeros = np.arange(count).astype(np.int8) - 3
    given = {"x": _NUMBERS, "scale": scales, "zero": zeros}
    ours, theirs = node("QuantizeLinear", given, version=opset, axis=axis)
    np.testing.assert_array_equal(ours, theirs)
    given = {"x": theirs, "scale": scales, "zero": zeros}
    ours, theirs = node("DequantizeLinear", given, version=opset, axis=axis)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_scale_for_each_block(axis: int) -> None:
    numbers = _NUMBERS.reshape(18, 19)
    shape = [-(-n // 4) if k == axis else n for k, n in enumerate(numbers.shape)]
    scales = np.random.default_rng(0).random(shape, dtype=np.float32) + 0.5
    zeros = np.random.default_rng(1).integers(-9, 9, shape).astype(np.int8)
    given = {"x": numbers, "scale": scales, "zero": zeros}
    ours, theirs = node("QuantizeLinear", given, version=21, axis=axis, block_size=4)
    np.testing.assert_array_equal(ours, theirs)
    given = {"x": theirs, "scale": scales, "zero": zeros}
    ours, theirs = node("DequantizeLinear", given, version=21, axis=axis, block_size=4)
    np.testing.assert_array_equal(ours, theirs)


def test_a_type_without_a_zero_point() -> None:
    given = {"x": _NUMBERS, "scale": np.float32(0.3)}
    ours, theirs = node("QuantizeLinear", given, version=21, output_dtype=3)
    assert ours.dtype == theirs.dtype == np.int8
    np.testing.assert_array_equal(ours, theirs)


def test_halves_as_scales() -> None:
    given = {"x": np.arange(-128, 128).astype(np.int8), "scale": np.float16(0.037)}
    ours, theirs = node("DequantizeLinear", given, version=19)
    assert ours.dtype == np.float16
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_floats_of_8_bits(name: str) -> None:
    dtype = getattr(torch, name)
    function = find("QuantizeLinear", 19)
    assert function is not None
    zero = torch.zeros((), dtype=dtype)
    numbers = torch.tensor([0.0, 1.06, -3.3, 1e6, -1e6, 440.0])
    found = function.function(numbers, torch.tensor(2.0), zero).float()
    largest = torch.finfo(dtype).max
    expected = (numbers / 2).clamp(-largest, largest).to(dtype).float()
    assert torch.equal(found, expected)
    assert found[3] == largest


@pytest.mark.parametrize("numbers", [[0.0, 0.0], [3.0, 7.0], [-5.0, -1.0], [-2.5, 9.1], [255.0]])
def test_dynamic(numbers: list[float]) -> None:
    given = {"x": np.array(numbers, np.float32)}
    for result in range(3):  # numbers, scale, zero point
        ours, theirs = node("DynamicQuantizeLinear", given, version=11, outputs=3, result=result)
        np.testing.assert_array_equal(ours, theirs)


def test_zero_points_that_differ_are_refused() -> None:
    function = find("QLinearConv", 10)
    assert function is not None
    one, x = torch.ones(()), torch.zeros(1, 1, 3, 3, dtype=torch.uint8)
    zeros = np.array([1, 2], np.uint8)
    with pytest.raises(ValueError, match="zero points that differ"):
        function.function(x, one, zeros[:1], x, one, zeros, one, zeros[:1])


def test_it_is_captured() -> None:
    scale, zero = torch.tensor(0.1), torch.tensor(3, dtype=torch.uint8)
    there, back = find("QuantizeLinear", 19), find("DequantizeLinear", 19)
    assert there is not None
    assert back is not None
    network = nn.Sequential(
        Node(there, {}, [0, scale, zero]), Node(back, {}, [0, scale, zero])
    ).eval()
    targets = [str(node.target) for node in capture(network, (3, 5, 5)).graph.nodes]
    assert "aten.round.default" in targets
    assert not any("assert" in target for target in targets)  # as torch.export writes
