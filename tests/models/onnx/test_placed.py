"""Large weights that stay in their file are those of the file; what is unusual is read whole."""

import os
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper

from onebyone.models.onnx import file as onnx_file
from onebyone.models.onnx import placed as onnx_placed
from onebyone.models.onnx.placed import LARGE, placed

RNG = np.random.default_rng(0)
WEIGHT = RNG.standard_normal((128, 256)).astype(np.float32)
assert WEIGHT.nbytes > LARGE
SMALL = np.arange(256, dtype=np.float32)


def model() -> onnx.ModelProto:
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"])]
    x, y = (
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", k])
        for n, k in zip("xy", (128, 256), strict=True)
    )
    weights = [onnx.numpy_helper.from_array(a, n) for n, a in (("w", WEIGHT), ("b", SMALL))]
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def put_back(bare: bytes, data: bytes | bytearray) -> onnx.ModelProto:
    """The message with its external data within it again."""
    message = onnx.ModelProto.FromString(bare)
    for tensor in message.graph.initializer:
        if tensor.external_data:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            start = int(entries["offset"])
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
            tensor.raw_data = bytes(data[start : start + int(entries["length"])])
    return message


def test_a_large_weight_is_mapped_and_a_small_one_is_not(tmp_path: Path):
    path = tmp_path / "model.onnx"
    path.write_bytes(model().SerializeToString())
    bare = onnx_file.without_weights(path)
    assert bare is not None
    assert len(bare) < path.stat().st_size - WEIGHT.nbytes + 200
    assert put_back(bare, path.read_bytes()) == model()
    weights = onnx_file.read(path).graph.initializers
    assert isinstance(weights["w"].const_value, ir.ExternalTensor)
    assert isinstance(weights["b"].const_value, ir.TensorProtoTensor)
    np.testing.assert_array_equal(weights["w"].const_value.numpy(), WEIGHT)
    np.testing.assert_array_equal(weights["b"].const_value.numpy(), SMALL)
    assert onnx_file.parse(path) == model()


def test_a_link_is_read_whole(tmp_path: Path):
    """Onnxruntime takes no external data through one."""
    (tmp_path / "blob").write_bytes(model().SerializeToString())
    path = tmp_path / "model.onnx"
    path.symlink_to(tmp_path / "blob")
    assert onnx_file.without_weights(path) is None
    held = onnx_file.read(path).graph.initializers["w"].const_value
    np.testing.assert_array_equal(held.numpy(), WEIGHT)


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_read_whole(tmp_path: Path):
    path = tmp_path / os.fsdecode(b"m\xff.onnx")
    path.write_bytes(model().SerializeToString())
    assert onnx_file.without_weights(path) is None
    assert onnx_file.read(path).graph.initializers["w"].const_value.shape == WEIGHT.shape


def test_messages_that_are_put_together_are_left():
    """What is there twice is one."""
    data, more = model().SerializeToString(), onnx.ModelProto()
    more.graph.doc_string = "more"
    assert placed(memoryview(data), "m") is not None
    assert placed(memoryview(data + more.SerializeToString()), "m") is None
    assert placed(memoryview(data[:-1]), "m") is None
    assert placed(memoryview(b""), "m") is None


@pytest.mark.parametrize(
    "more",
    [
        TensorProto(float_data=[1.0]),
        TensorProto(data_location=TensorProto.EXTERNAL),
        TensorProto(segment=TensorProto.Segment(begin=1)),
    ],
    ids=str,
)
def test_a_tensor_that_says_more_is_left(more: TensorProto):
    message = model()
    message.graph.initializer[0].MergeFrom(more)
    assert placed(memoryview(message.SerializeToString()), "m") is None


def test_integers_that_may_be_sizes_are_left():
    """Shape inference reads them, in the message only."""
    message = model()
    many = np.arange(LARGE, dtype=np.int64)
    message.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(many, "w"))
    assert placed(memoryview(message.SerializeToString()), "m") is None


def test_damaged_files_mean_what_they_meant(monkeypatch: pytest.MonkeyPatch):
    """With every weight out of the file, Protocol Buffers says the same of what is left."""
    monkeypatch.setattr(onnx_placed, "LARGE", 1)
    message = model()
    del message.graph.initializer[0]
    data, random, found = message.SerializeToString(), Random(0), 0
    for _ in range(3000):
        damaged = bytearray(data)
        for _ in range(random.randint(1, 3)):
            damaged[random.randrange(len(data) if random.random() < 0.2 else 200)] = (
                random.randrange(256)
            )
        bare = placed(memoryview(damaged), "m")
        if bare is None:
            continue
        found += 1
        try:
            meant = onnx.ModelProto.FromString(bytes(damaged))
        except DecodeError:
            with pytest.raises(DecodeError):
                onnx.ModelProto.FromString(bare)
            continue
        assert put_back(bare, damaged).SerializeToString(
            deterministic=True
        ) == meant.SerializeToString(deterministic=True)
    assert found > 500
