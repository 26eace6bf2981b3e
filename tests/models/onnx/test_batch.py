"""Files of a fixed batch take any, and give what onnxruntime gives for single windows."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from helpers.onnx_pairs import model
from onebyone.models import load
from onebyone.models.pieces import InPieces

RANDOM = np.random.default_rng(0)


def weights(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def one_by_one(proto: onnx.ModelProto, windows: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    batch = session.get_inputs()[0].shape[0]
    parts = windows.numpy().reshape(-1, batch, *windows.shape[1:])
    return np.concatenate([session.run(None, {"x": part})[0] for part in parts])


def read(tmp_path, proto: onnx.ModelProto) -> torch.nn.Module:
    onnx.save(proto, tmp_path / "m.onnx")
    return load(tmp_path / "m.onnx").network


HEAD = "agraph (float[1,3,8,8] x) => (float[1,5] y)"
FIXED = {
    "flatten": (
        f"{HEAD} {{ f = Reshape(x, s) y = Gemm(f, w) }}",
        {"s": np.array([1, 192]), "w": weights(192, 5)},
    ),
    "the rest is open": (
        f"{HEAD} {{ f = Reshape(x, s) y = MatMul(f, w) }}",
        {"s": np.array([1, -1]), "w": weights(192, 5)},
    ),
    "tokens": (  # seen as [positions, batch, channels], with a token before them
        "agraph (float[1,3,8,8] x) => (float[1,5] y) {"
        " a = Reshape(x, s) b = Transpose <perm = [0,2,1]> (a) c = Concat <axis = 1> (t, b)"
        " d = Transpose <perm = [1,0,2]> (c) e = Reshape(d, u) g = Gather <axis = 0> (e, i)"
        " h = Reshape(g, v) y = MatMul(h, w) }",
        {
            "s": np.array([1, 3, 64]), "t": weights(1, 1, 3), "u": np.array([65, 3, 1]),
            "i": np.array(0), "v": np.array([1, 3]), "w": weights(3, 5),
        },
    ),
    "windows in a batch": (  # as Swin's: [1, 2, 4, 2, 4, 3], then [4, 16, 3]
        "agraph (float[1,3,8,8] x) => (float[1,5] y) {"
        " a = Transpose <perm = [0,2,3,1]> (x) b = Reshape(a, s)"
        " c = Transpose <perm = [0,1,3,2,4,5]> (b) d = Reshape(c, u)"
        " e = Transpose <perm = [0,2,1]> (d) m = MatMul(d, e) n = Softmax(m) o = MatMul(n, d)"
        " p = Reshape(o, v) y = MatMul(p, w) }",
        {
            "s": np.array([1, 2, 4, 2, 4, 3]), "u": np.array([4, 16, 3]), "v": np.array([1, 192]),
            "w": weights(192, 5),
        },
    ),
    "attention with positions first": (  # as torch's: [L, N, C] seen as [L N, C], [L, N heads, d]
        "agraph (float[1,3,8,8] x) => (float[1,5] y) {"
        " a = Reshape(x, s) b = Transpose <perm = [2,0,1]> (a) c = Reshape(b, u) d = MatMul(c, q)"
        " e = Reshape(d, v) f = Reshape(d, h) g = Transpose <perm = [1,0,2]> (f)"
        " i = Transpose <perm = [0,2,1]> (g) j = MatMul(g, i) k = Softmax(j) l = MatMul(k, g)"
        " m = Transpose <perm = [1,0,2]> (l) n = Reshape(m, u2) o = MatMul(n, r) p = Reshape(o, v)"
        " z = Add(p, e) t = Transpose <perm = [1,0,2]> (z) w1 = ReduceMean <axes = [1]> (t)"
        " w2 = Reshape(w1, s2) y = MatMul(w2, w) }",
        {
            "s": np.array([1, 3, 64]), "u": np.array([64, 3]), "q": weights(3, 4),
            "v": np.array([64, 1, 4]), "h": np.array([64, 2, 2]), "u2": np.array([64, 4]),
            "r": weights(4, 4), "s2": np.array([1, 4]), "w": weights(4, 5),
        },
    ),
    "an expanded token": (
        "agraph (float[1,3,8,8] x) => (float[1,5] y) {"
        " a = Reshape(x, s) t = Expand(k, u) c = Concat <axis = 1> (a, t) y = MatMul(c, w) }",
        {
            "s": np.array([1, 192]), "k": weights(1, 1), "u": np.array([1, 2]),
            "w": weights(194, 5),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIXED)
def test_a_batch_of_one_is_freed(tmp_path, name):
    proto = model(*FIXED[name])
    network = read(tmp_path, proto)
    assert not isinstance(network, InPieces)
    windows = torch.rand(5, 3, 8, 8)
    expected = one_by_one(proto, windows)
    np.testing.assert_allclose(network(windows).detach(), expected, rtol=1e-4, atol=1e-5)


def test_a_batch_of_four_is_freed(tmp_path):
    text = "agraph (float[4,3,8,8] x) => (float[4,5] y) { f = Reshape(x, s) y = Gemm(f, w) }"
    proto = model(text, {"s": np.array([4, 192]), "w": weights(192, 5)})
    network = read(tmp_path, proto)
    windows = torch.rand(8, 3, 8, 8)
    np.testing.assert_allclose(
        network(windows).detach(), one_by_one(proto, windows), rtol=1e-4, atol=1e-5
    )
    assert network(windows[:3]).shape == (3, 5)


def test_a_batch_that_a_slice_holds_is_run_in_pieces(tmp_path):
    text = (
        "agraph (float[1,3,8,8] x) => (float[1,5] y) {"
        " a = Slice(x, b, e, n) f = Reshape(a, s) y = Gemm(f, w) }"
    )
    held = {"b": np.array([0]), "e": np.array([1]), "n": np.array([0])}
    proto = model(text, held | {"s": np.array([1, 192]), "w": weights(192, 5)})
    network = read(tmp_path, proto)
    assert isinstance(network, InPieces)
    windows = torch.rand(3, 3, 8, 8)
    np.testing.assert_allclose(
        network(windows).detach(), one_by_one(proto, windows), rtol=1e-4, atol=1e-5
    )
