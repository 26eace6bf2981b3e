"""Softmax and its kin, and dropout, against onnxruntime."""

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import single
from helpers.onnx_recorded import targets
from onebyone.errors import InputError
from onebyone.models.onnx.operators import classifying

_RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("opset", [7, 11, 13])
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_like_onnxruntime(name: str, opset: int, axis: int) -> None:
    if axis < 0 and opset == 7:
        axis += 4
    x = _RNG.standard_normal((2, 3, 4, 5)).astype(np.float32)
    found, expected = single(name, {"X": x}, opset=opset, axis=axis)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "Hardmax"])
def test_the_axis_left_out_is_another_since_13(name: str) -> None:
    x = _RNG.standard_normal((2, 3, 4)).astype(np.float32)
    for opset in (11, 13):
        found, expected = single(name, {"X": x}, opset=opset)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-6)


def test_hardmax_takes_the_first_of_equals() -> None:
    found, expected = single("Hardmax", {"X": np.ones((2, 4), np.float32)}, opset=13)
    np.testing.assert_array_equal(found[0], expected[0])


@pytest.mark.parametrize("opset", [7, 10, 12, 13, 22])
@pytest.mark.parametrize("outputs", [1, 2])
def test_dropout(opset: int, outputs: int) -> None:
    x = _RNG.standard_normal((2, 3)).astype(np.float32)
    found, expected = single("Dropout", {"X": x}, opset=opset, outputs=outputs)
    # Before 12 it was open what the mask is where nothing is dropped.
    compared = 1 if opset < 12 else outputs
    for a, b in zip(found[:compared], expected[:compared], strict=True):
        np.testing.assert_array_equal(a, b)


def test_dropout_in_training_is_refused() -> None:
    x = torch.rand(2, 3)
    with pytest.raises(InputError, match="training"):
        classifying.dropout_of_inputs(x, 0.5, True, outputs=1)
    assert classifying.dropout_of_inputs(x, 0.0, True, outputs=1) is x


def test_rows_that_are_channels_are_recorded_so() -> None:
    x = torch.rand(1, 5, 1, 1)
    assert targets(classifying.softmax_of_rows, x) == ["_softmax"]
    assert targets(lambda t: classifying.hardmax(t, axis=1), x)
