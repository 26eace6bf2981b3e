"""Types of numbers against onnxruntime."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from helpers.onnx_nodes import agree
from helpers.onnx_recorded import node_targets
from onebyone.errors import InputError
from onebyone.models.onnx.table import find

_TYPES = ["float32", "float64", "float16", "int8", "int32", "int64", "uint8", "uint16", "bool"]


@pytest.mark.parametrize("opset", [9, 13, 19])
@pytest.mark.parametrize("before", _TYPES)
@pytest.mark.parametrize("after", _TYPES)
def test_cast_like_onnxruntime(before: str, after: str, opset: int) -> None:
    x = np.array([0, 1, 2.75, 100.5]).astype(before)
    agree("Cast", {"x": x}, opset=opset, to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(after)))


def test_integers_lose_high_bits_and_floats_their_fraction() -> None:
    agree("Cast", {"x": np.array([200, -3, 300], np.int16)}, opset=13, to=TensorProto.INT8)
    agree("Cast", {"x": np.array([-2.75, 2.75], np.float32)}, opset=13, to=TensorProto.INT32)


@pytest.mark.parametrize(
    ("to", "most"), [(TensorProto.FLOAT8E4M3FN, 448.0), (TensorProto.FLOAT8E5M2, 57344.0)]
)
def test_floats_of_a_byte_saturate_unless_they_are_not_to(to: int, most: float) -> None:
    entry = find("Cast", 19)
    assert entry is not None
    x = torch.tensor([1e6, float("-inf"), 1.0])
    assert entry.function(x, to=to).float().tolist() == [most, -most, 1.0]
    assert not entry.function(x, to=to, saturate=0).float()[:2].isfinite().any()


def test_a_type_that_is_none_of_pytorchs_is_refused() -> None:
    entry = find("Cast", 19)
    assert entry is not None
    with pytest.raises(InputError, match="a cast to STRING"):
        entry.function(torch.ones(1), to=TensorProto.STRING)


def test_cast_like_takes_the_type() -> None:
    x, like = np.float32([1.5, 2.5]), np.array([0], np.int32)
    agree("CastLike", {"x": x, "like": like}, opset=15)


def test_a_cast_to_the_same_type_is_nothing() -> None:
    x = torch.rand(1, 2, 3, 3)
    assert node_targets("Cast", x, to=TensorProto.FLOAT) == []
    assert node_targets("Cast", x, to=TensorProto.FLOAT16) == ["_to_copy"]
    assert node_targets("Identity", x) == []
