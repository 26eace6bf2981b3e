"""Stored tensors of every type, in every field that may hold them, as onnx's helper reads them."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from onebyone.errors import InputError
from onebyone.models.onnx.constants import TYPES, tensor_of

VALUES = [0, 1, 2, 3, 1, 0]


def expected(proto: onnx.TensorProto) -> np.ndarray:
    return np.asarray(numpy_helper.to_array(proto), np.complex128)


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("kind", [*TYPES, TensorProto.INT4, TensorProto.UINT4])
def test_types_in_bytes_and_in_their_own_field(tmp_path, kind, raw):
    made = helper.make_tensor("t", kind, [2, 3], VALUES)
    if raw:
        made = numpy_helper.from_array(numpy_helper.to_array(made), "t")
    found = tensor_of(made, tmp_path / "m.onnx")
    assert found.shape == (2, 3)
    wide = torch.complex128 if found.is_complex() else torch.float64
    np.testing.assert_array_equal(found.to(wide).numpy(), expected(made))


@pytest.mark.parametrize("offset", [0, 3])  # numbers in files need not lie at multiples of 4
def test_external_data_is_read_at_its_place(tmp_path, offset):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    (tmp_path / "w.bin").write_bytes(b"x" * offset + values.tobytes() + b"rest")
    made = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[2, 3])
    made.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "w.bin", "offset": str(offset), "length": "24"}.items():
        made.external_data.add(key=key, value=value)
    np.testing.assert_array_equal(tensor_of(made, tmp_path / "m.onnx"), values)
    (tmp_path / "w.bin").write_bytes(b"short")
    with pytest.raises(InputError, match=r"w\.bin: ended while tensor 't' was read"):
        tensor_of(made, tmp_path / "m.onnx")


@pytest.mark.parametrize("shape", [(), (0, 3)])
def test_one_number_and_none(tmp_path, shape):
    made = numpy_helper.from_array(np.zeros(shape, np.float32), "t")
    assert tensor_of(made, tmp_path / "m.onnx").shape == shape


def test_text_is_refused(tmp_path):
    made = numpy_helper.from_array(np.array(["a"], object), "t")
    with pytest.raises(InputError, match="holds STRING, which is not read"):
        tensor_of(made, tmp_path / "m.onnx")
