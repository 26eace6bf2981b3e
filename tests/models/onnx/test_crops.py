"""ONNX files that onnxruntime runs crop by crop."""

import copy
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import onebyone as ob
from helpers.onnx_files import WINDOW, arrays, classifier, ran, saved, windows
from helpers.onnx_pairs import model
from onebyone.graphs.capture import NotCaptured
from onebyone.models import load

STRANGE = """
    c = Conv<kernel_shape=[3,3]>(x, w, b) r = com.microsoft.QuickGelu(c)
    p = GlobalAveragePool(r) f = Flatten(p) y = Gemm<transB=1>(f, v, d)
"""


def strange(batch: int | str = "N") -> onnx.ModelProto:
    """A classifier with an operator of onnxruntime's own."""
    return model(f"net (float[{batch},3,8,8] x) => (float[{batch},2] y) {{{STRANGE}}}", arrays())


def test_what_is_not_computed_is_refused_and_names_crops(tmp_path: Path) -> None:
    path = saved(tmp_path, strange())
    with pytest.raises(ob.InputError, match=r"com.microsoft.QuickGelu .*--crops, or crops=True"):
        load(path)


@pytest.mark.parametrize("batch", ["N", 1, 3])
def test_crops_of_any_batch(tmp_path: Path, batch: int | str) -> None:
    path = saved(tmp_path, strange(batch))
    found = load(path, crops=True)
    assert found.window == WINDOW
    x = windows(6)
    per = 6 if batch == "N" else int(batch)
    wanted = np.concatenate([ran(path, {"x": part})[0] for part in x.split(per)])
    np.testing.assert_allclose(found.network(x), wanted, rtol=1e-5, atol=1e-6)
    assert found.network(x[:2]).shape == (2, 2)


def test_sliding_by_crops_says_once_that_nothing_is_shared(tmp_path: Path) -> None:
    path = saved(tmp_path, classifier())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        crops = ob.slide(path, stride=2, crops=True)
    assert [type(warning.message) for warning in told] == [NotCaptured]
    assert "runs on onnxruntime as crops, as was asked, and nothing is shared" in str(told[0])
    image = torch.rand(3, 14, 20)
    shared = ob.slide(path, stride=2)(image)
    assert shared.shape == (2, 4, 7)
    torch.testing.assert_close(crops(image), shared, rtol=1e-4, atol=1e-5)
    one = ran(path, {"x": image[None, :, 2:10, 4:12]})[0][0]
    np.testing.assert_allclose(crops(image)[:, 1, 2], one, rtol=1e-5, atol=1e-6)


def test_crops_of_channels_last(tmp_path: Path) -> None:
    body = "t = Transpose<perm=[0,3,1,2]>(x)" + STRANGE.replace("(x,", "(t,")
    path = saved(tmp_path, model(f"net (float[N,8,8,3] x) => (float[N,2] y) {{{body}}}", arrays()))
    found = load(path, crops=True)
    assert found.window == WINDOW
    x = windows(4)
    wanted = ran(path, {"x": x.movedim(1, -1)})[0]
    np.testing.assert_allclose(found.network(x), wanted, rtol=1e-5, atol=1e-6)


def test_copies_and_pickles_run_without_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path, strange())
    network, x = load(path, crops=True).network, windows(2)
    stored = pickle.dumps(network)
    Path(path).unlink()
    for other in (copy.deepcopy(network), pickle.loads(stored)):
        assert torch.equal(other(x), network(x))


def test_external_data_and_several_outputs(tmp_path: Path) -> None:
    made = strange()
    made.graph.output.append(onnx.helper.make_tensor_value_info("f", 1, ["N", 4]))
    path = tmp_path / "net.onnx"
    onnx.save(made, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    network, x = load(str(path), crops=True).network, windows(3)
    found, wanted = network(x), ran(str(path), {"x": x})
    assert list(found) == ["y", "f"]
    for got, want in zip(found.values(), wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_other_inputs_have_their_values(tmp_path: Path) -> None:
    text = "net (float[N,3,8,8] x, float[2,N,1] s, float k) => (float[2,N,3] y) "
    body = """{ p = GlobalAveragePool(x) f = Flatten(p) q = com.microsoft.QuickGelu(f)
        z = Add(q, s) y = Mul(z, k) }"""
    path = saved(tmp_path, model(text + body, {}))
    state = np.array([[[1.0]], [[2.0]]], np.float32)
    x = windows(5)
    found = load(path, crops=True, inputs={"s": state, "k": 3}).network(x)
    feeds = {"x": x, "s": np.repeat(state, 5, 1), "k": np.float32(3)}
    np.testing.assert_allclose(found, ran(path, feeds)[0].transpose(1, 0, 2), rtol=1e-5, atol=1e-6)


def test_what_onnxruntime_does_not_run(tmp_path: Path) -> None:
    body = "{ y = own.Thing(x) }"
    made = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17, "own" : 1]> '
        f"net (float[N,3,8,8] x) => (float[N,2] y) {body}"
    )
    path = saved(tmp_path, made)
    with pytest.raises(ob.InputError, match=r"^\S*net.onnx: onnxruntime does not take it: .*own"):
        load(path, crops=True)
    path = saved(tmp_path, classifier(size="H,W"))
    network = load(path, crops=True).network
    with pytest.raises(ob.InputError, match=r"net.onnx: onnxruntime fails: "):
        network(torch.zeros(2, 5, 8, 8))


def test_without_onnxruntime_one_line_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, strange())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ob.InputError, match=r"needs onnxruntime: pip install 'onebyone\[onnx\]'$"):
        load(path, crops=True)


def test_without_onnx_one_line_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, strange())
    for name in [*sys.modules]:
        if name.startswith("onebyone.models.onnx"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ob.InputError, match=r"needs onnx: pip install 'onebyone\[onnx\]'$"):
        load(path)


@pytest.mark.parametrize("option", [{"crops": True}, {"layout": "NHWC"}, {"inputs": {"a": 1}}])
def test_options_of_onnx_files_go_with_no_other(option: dict[str, object]) -> None:
    with pytest.raises(ob.InputError, match=r"^\w+=.*: goes with a .onnx file only$"):
        load("nin-digits", **option)
    with pytest.raises(ob.InputError, match=r"^\w+=.*: goes with a .onnx file only$"):
        ob.slide("nin-digits", **option)
