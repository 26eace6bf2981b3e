"""Inputs whose axes are in another order are turned; the window is as everywhere [C, *space]."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from helpers.onnx_pairs import model
from onebyone.errors import InputError
from onebyone.models import load

RANDOM = np.random.default_rng(0)


def weights(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


TURNED = (
    "agraph (float[N,8,9,3] x) => (float[N,5] y) {"
    " a = Transpose <perm = [0,3,1,2]> (x) c = Conv(a, k) p = GlobalAveragePool(c)"
    " f = Flatten(p) y = Gemm(f, w) }"
)
LAST = "agraph (float[N,8,9,3] x) => (float[N,216] y) { y = Flatten(x) }"
SIGNAL = "agraph (float[N,32] x) => (float[N,5] y) { y = Gemm(x, w) }"


def saved(tmp_path, text: str, **arrays: np.ndarray):
    path = tmp_path / "m.onnx"
    onnx.save(model(text, arrays), path)
    return path


def theirs(path, x: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(path).run(None, {"x": x})[0]


def test_channels_are_last_where_the_graph_begins_with_their_transpose(tmp_path):
    path = saved(tmp_path, TURNED, k=weights(4, 3, 3, 3), w=weights(4, 5))
    found = load(path)
    assert found.window == (3, 8, 9)
    x = torch.rand(2, 3, 8, 9)
    expected = theirs(path, x.permute(0, 2, 3, 1).contiguous().numpy())
    np.testing.assert_allclose(found.network(x).detach(), expected, rtol=1e-4, atol=1e-5)


def test_channels_are_last_where_the_last_axis_alone_has_few(tmp_path):
    path = saved(tmp_path, LAST)
    found = load(path)
    assert found.window == (3, 8, 9)
    x = torch.rand(2, 3, 8, 9)
    np.testing.assert_array_equal(found.network(x), theirs(path, x.movedim(1, -1).numpy()))


def test_a_layout_can_be_said(tmp_path):
    path = saved(tmp_path, LAST)
    assert load(path, layout="NCHW").window == (8, 9, 3)
    assert load(path, layout="nhwc").window == (3, 8, 9)


@pytest.mark.parametrize("layout", ["NHW", "NHWCC", "HWC", "NXYC", "", "CCHW"])
def test_a_layout_that_does_not_fit_is_refused(tmp_path, layout):
    with pytest.raises(InputError, match="axes, as NCHW or NHWC"):
        load(saved(tmp_path, LAST), layout=layout)


def test_a_signal_without_channels_has_one(tmp_path):
    path = saved(tmp_path, SIGNAL, w=weights(32, 5))
    found = load(path)
    assert found.window == (1, 32)
    x = torch.rand(3, 1, 32)
    expected = theirs(path, x[:, 0].numpy())
    np.testing.assert_allclose(found.network(x).detach(), expected, rtol=1e-4, atol=1e-5)


def test_an_open_window_is_asked_for_and_a_fixed_one_is_kept(tmp_path):
    text = "agraph (float[N,3,H,W] x) => (float[N,3,1,1] y) { y = GlobalAveragePool(x) }"
    path = saved(tmp_path, text)
    assert load(path).window is None
    assert load(path, window=(3, 6, 7)).window == (3, 6, 7)
    for window in ((1, 6, 7), (3, 6), (3, 6, 7, 8)):
        with pytest.raises(InputError, match="takes windows of 3,any,any"):
            load(path, window=window)
