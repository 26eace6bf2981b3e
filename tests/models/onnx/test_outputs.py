"""Outputs of ONNX files that are no tensors of numbers, as scikit-learn's converter writes them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

import onebyone as ob
from helpers.onnx_files import ran, saved, windows
from helpers.onnx_pairs import model
from onebyone.models import load

NAMES = ["cat", "dog", "none"]
HIDDEN = [
    helper.make_node("MatMul", ["x", "w"], ["m"], "fc"),
    helper.make_node("Add", ["m", "b"], ["a"]),
    helper.make_node("Softmax", ["a"], ["probabilities"]),
]
LABEL = [
    helper.make_node("ArgMax", ["a"], ["place"], axis=1),
    helper.make_node("ArrayFeatureExtractor", ["classes", "place"], ["found"], domain="ai.onnx.ml"),
    helper.make_node("Reshape", ["found", "flat"], ["label"]),
]


def learned(strings: bool = True, **kinds: bool) -> onnx.ModelProto:
    """What skl2onnx makes of an MLPClassifier, with and without its dict of probabilities."""
    named = {"classlabels_strings": NAMES} if strings else {"classlabels_int64s": [0, 1, 2]}
    zipped = helper.make_node("ZipMap", ["probabilities"], ["output"], domain="ai.onnx.ml", **named)
    key = TensorProto.STRING if strings else TensorProto.INT64
    value = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    pairs = helper.make_sequence_type_proto(helper.make_map_type_proto(key, value))
    outputs = {
        "label": helper.make_tensor_value_info("label", key, ["N"]),
        "zipped": helper.make_value_info("output", pairs),
        "plain": helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3]),
    }
    draw = np.random.default_rng(0).standard_normal
    arrays = {"w": draw((6, 3)).astype("f"), "b": draw(3).astype("f"), "flat": np.array([-1])}
    arrays["classes"] = np.array(NAMES, object) if strings else np.array([0, 1, 2])
    graph = helper.make_graph(
        [*HIDDEN, *LABEL, zipped],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 6])],
        [output for kind, output in outputs.items() if kinds.get(kind)],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("strings", [True, False])
@pytest.mark.parametrize("crops", [True, False])
def test_a_dict_of_probabilities_gives_way_to_their_tensor(
    tmp_path: Path, strings: bool, crops: bool
) -> None:
    path = saved(tmp_path, learned(strings, label=True, zipped=True))
    left = "'output', 'label'|'label', 'output'|'output'" if crops else "'output', 'label'|'label',"
    with pytest.warns(UserWarning, match=rf"({left}).* is left out, .* given is .*'probabilities'"):
        found = load(path, crops=crops)
    assert found.classes == (tuple(NAMES) if strings else None)
    x = windows(4, 1, 6)
    given = found.network(x)
    wanted = ran(path, {"x": x[:, 0]}, ["output"])[0]
    if isinstance(given, dict):  # onnxruntime has the label, too, where it is a number
        assert given.pop("label").tolist() == ran(path, {"x": x[:, 0]}, ["label"])[0].tolist()
        given = given["probabilities"]
    rows = [[row[key] for key in (NAMES if strings else range(3))] for row in wanted]
    np.testing.assert_allclose(given.detach(), rows, rtol=1e-5)


def test_one_that_is_an_output_by_itself_is_given_once(tmp_path: Path) -> None:
    path = saved(tmp_path, learned(zipped=True, plain=True))
    with pytest.warns(UserWarning, match="'output' is left out"):
        assert load(path).network(windows(2, 1, 6)).shape == (2, 3)


def test_no_output_is_a_tensor_of_numbers(tmp_path: Path) -> None:
    path = saved(tmp_path, learned(label=True))
    with pytest.raises(ob.InputError, match=r"net.onnx: gives no tensor of numbers$"):
        load(path)


STATES = """net (float[N,3,8,8] x, float[2,N,4] state) => (float[N,2] y, float[2,N,4] next) {
    p = GlobalAveragePool(x) f = Flatten(p) y = Gemm<transB=1>(f, v, d)
    h = Gemm<transB=1>(f, u) g = Unsqueeze(h, zero) next = Add(state, g)
}"""


def stateful() -> onnx.ModelProto:
    """A network with a state, of which the batch is the second axis."""
    draw = np.random.default_rng(0).standard_normal
    held = {
        name: draw(size).astype("f") for name, size in {"v": (2, 3), "d": 2, "u": (4, 3)}.items()
    }
    return model(STATES, {**held, "zero": np.array([0])})


@pytest.mark.parametrize("crops", [True, False])
def test_an_output_has_its_batch_first(tmp_path: Path, crops: bool) -> None:
    path = saved(tmp_path, stateful())
    network = load(path, inputs={"state": 1.0}, crops=crops).network
    x = windows(3)
    found = network(x)
    y, state = ran(path, {"x": x, "state": np.ones((2, 3, 4), "f")})
    np.testing.assert_allclose(found["y"].detach(), y, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        found["next"].detach(), state.transpose(1, 0, 2), rtol=1e-5, atol=1e-6
    )


def test_so_it_is_slid(tmp_path: Path) -> None:
    path = saved(tmp_path, stateful())
    sliding = ob.slide(path, stride=2, inputs={"state": 0.0})
    assert sliding(torch.rand(3, 12, 10))["next"].shape == (2, 4, 3, 2)


def test_a_fixed_batch_that_an_output_has_second_is_freed(tmp_path: Path) -> None:
    text = """net (float[1,3,8,8] x) => (float[8,1,24] y) {
        r = Reshape(x, sizes) y = Transpose<perm=[1,0,2]>(r)
    }"""
    path = saved(tmp_path, model(text, {"sizes": np.array([1, 8, 24])}))
    x = windows(2)
    alone = [ran(path, {"x": one[None]})[0] for one in x]
    np.testing.assert_array_equal(
        load(path).network(x), np.concatenate(alone, 1).transpose(1, 0, 2)
    )
