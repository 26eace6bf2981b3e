"""Operators of ai.onnx.ml as onnxruntime computes them, as skl2onnx writes them around networks."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from helpers.onnx_nodes import run
from onebyone.errors import InputError
from onebyone.models.onnx.reading import load_onnx

_ML = "ai.onnx.ml"
_RNG = np.random.default_rng(0)
_X = _RNG.normal(size=(4, 3)).astype(np.float32)


def _model(
    operator: str, inputs: dict[str, np.ndarray], outputs: dict[str, int], **says: Any
) -> onnx.ModelProto:
    given = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for n, v in inputs.items()
    ]
    made = [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()]
    node = helper.make_node(operator, list(inputs), list(outputs), domain=_ML, **says)
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid(_ML, 3)]
    graph = helper.make_graph([node], "one", given, made)
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _check(
    operator: str, inputs: dict[str, np.ndarray], outputs: dict[str, int], **says: Any
) -> None:
    model = _model(operator, inputs, outputs, **says)
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, inputs)
    found = run(model, list(inputs.values()), [n for n in inputs if n != "x"])
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


_FLOATS = {"y": TensorProto.FLOAT}


@pytest.mark.parametrize("x", [_X, np.arange(12).reshape(4, 3)], ids=["floats", "integers"])
@pytest.mark.parametrize("length", [1, 3])
def test_scaler(x: np.ndarray, length: int) -> None:
    says = {"offset": [0.5, -1.0, 2.0][:length], "scale": [2.0, 0.25, 3.0][:length]}
    _check("Scaler", {"x": x}, _FLOATS, **says)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizer(norm: str) -> None:
    x = np.concatenate([np.abs(_X), np.zeros((1, 3), np.float32)])
    _check("Normalizer", {"x": x}, _FLOATS, norm=norm)


def test_binarizer() -> None:
    _check("Binarizer", {"x": _X}, _FLOATS, threshold=0.25)


@pytest.mark.parametrize("values", [[7.0], [1.0, 2.0, 3.0]])
@pytest.mark.parametrize("missing", [float("nan"), -1.0])
def test_imputer(values: list[float], missing: float) -> None:
    x = _X.copy()
    x[1, 2] = x[3, 0] = missing
    says = {"imputed_value_floats": values, "replaced_value_float": missing}
    _check("Imputer", {"x": x}, _FLOATS, **says)


def test_array_feature_extractor() -> None:
    inputs = {"x": _X, "places": np.array([2, 0], np.int64)}
    _check("ArrayFeatureExtractor", inputs, _FLOATS)


@pytest.mark.parametrize("link", ["NONE", "LOGISTIC", "SOFTMAX"])
@pytest.mark.parametrize("labels", [[3, 1], [5, 2, 9]])
@pytest.mark.parametrize("one_row", [False, True])
def test_linear_classifier(link: str, labels: list[int], one_row: bool) -> None:
    rows = 1 if one_row and len(labels) == 2 else len(labels)
    says = {
        "classlabels_ints": labels,
        "coefficients": _RNG.normal(size=3 * rows).tolist(),
        "intercepts": _RNG.normal(size=rows).tolist(),
        "post_transform": link,
    }
    outputs = {"label": TensorProto.INT64, "scores": TensorProto.FLOAT}
    _check("LinearClassifier", {"x": _X}, outputs, **says)


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("intercepts", [False, True])
def test_linear_regressor(targets: int, intercepts: bool) -> None:
    says: dict[str, Any] = {"coefficients": _RNG.normal(size=3 * targets).tolist()}
    if intercepts:
        says["intercepts"] = _RNG.normal(size=targets).tolist()
    _check("LinearRegressor", {"x": _X}, _FLOATS, targets=targets, **says)


def test_label_encoder() -> None:
    x = np.array([3, 1, 7, 2], np.int64)
    says = {"keys_int64s": [1, 3], "values_floats": [0.5, 1.5], "default_float": -2.0}
    _check("LabelEncoder", {"x": x}, _FLOATS, **says)
    says = {"keys_int64s": [1, 3], "values_int64s": [10, 30], "default_int64": -2}
    _check("LabelEncoder", {"x": x}, {"y": TensorProto.INT64}, **says)


def test_links_that_are_not_computed_are_refused() -> None:
    says = {"coefficients": [1.0, 2.0, 3.0], "post_transform": "PROBIT"}
    with pytest.raises(InputError, match="has post_transform='PROBIT', which is not computed"):
        run(_model("LinearRegressor", {"x": _X}, _FLOATS, **says), [_X])


def test_trees_are_refused() -> None:
    with pytest.raises(InputError, match=r"not computed: ai\.onnx\.ml\.TreeEnsembleRegressor"):
        run(_model("TreeEnsembleRegressor", {"x": _X}, _FLOATS), [_X])


def test_a_pipeline_gives_its_probabilities(tmp_path: Path) -> None:
    """Its label is a name, and its probabilities go into a dict: neither is a tensor of numbers."""
    says = {"coefficients": _RNG.normal(size=12).tolist(), "intercepts": [0.1, 0.2, 0.3, 0.4]}
    names = ["a", "b", "c", "d"]
    steps = [
        ("Scaler", ["x"], ["s"], {"offset": [0.5], "scale": [2.0]}),
        ("LinearClassifier", ["s"], ["l", "p"], {**says, "classlabels_strings": names}),
        ("Normalizer", ["p"], ["q"], {"norm": "L1"}),
        ("ZipMap", ["q"], ["z"], {"classlabels_strings": names}),
    ]
    nodes = [helper.make_node(op, a, b, domain=_ML, **given) for op, a, b, given in steps]
    dicts = helper.make_map_type_proto(
        TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    )
    made = [
        helper.make_tensor_value_info("l", TensorProto.STRING, [None]),
        helper.make_value_info("z", helper.make_sequence_type_proto(dicts)),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])
    opsets = [helper.make_opsetid("", 15), helper.make_opsetid(_ML, 3)]
    graph = helper.make_graph(nodes, "pipeline", [given], made)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.warns(UserWarning, match="'l', 'z' is left out"):
        network = load_onnx(str(tmp_path / "m.onnx")).network
    assert isinstance(network, torch.nn.Module)
    found = network(torch.tensor(_X)[:, None]).detach().numpy()
    wanted = onnxruntime.InferenceSession(str(tmp_path / "m.onnx")).run(["z"], {"x": _X})[0]
    rows = [[row[name] for name in names] for row in wanted]
    np.testing.assert_allclose(found, rows, rtol=1e-5, atol=1e-6)
