"""Files of a fixed batch take any, and give what onnxruntime gives for single windows."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

from helpers.onnx_pairs import model
from onebyone.graphs.recording import record
from onebyone.models import load
from onebyone.models.onnx.reading import load_onnx
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


class Tokens(nn.Module):
    """Patches behind a token that is the same for all windows."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.scores = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 3)
        self.token = nn.Parameter(torch.rand(1, 1, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = self.patches(x).flatten(2).transpose(1, 2)
        both = torch.cat([self.token.expand(patches.shape[0], -1, -1), patches], 1)
        return self.scores(functional.layer_norm(both, (8,))[:, 0])


class Squeezed(nn.Module):
    """For one window the batch is squeezed away, and softmax counts axes from there."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)).squeeze(0).softmax(0).unsqueeze(0)


class First(nn.Module):
    """Each window, and the first one."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3)) + x[0].mean((1, 2))


def exported(network: nn.Module, file: Path, batch: int, opset: int, any_batch: bool) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(), (torch.rand(batch, 3, 8, 8),), str(file), dynamo=False,
            opset_version=opset, input_names=["x"],
            dynamic_axes={"x": {0: "batch"}} if any_batch else None,
        )  # fmt: skip
    return file


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize(("batch", "any_batch"), [(1, False), (3, False), (2, True)])
def test_tokens_are_joined_to_any_batch(
    tmp_path: Path, batch: int, any_batch: bool, opset: int
) -> None:
    network = Tokens().eval()
    found = load_onnx(str(exported(network, tmp_path / "a.onnx", batch, opset, any_batch))).network
    assert not isinstance(found, InPieces)
    x = torch.rand(5, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(found(x), network(x))
    assert record(found, x)  # type: ignore[arg-type]


@pytest.mark.parametrize("network", [Squeezed(), First()])
def test_what_joins_windows_runs_one_by_one(tmp_path: Path, network: nn.Module) -> None:
    found = load_onnx(str(exported(network, tmp_path / "a.onnx", 1, 13, False))).network
    assert isinstance(found, InPieces)
    x = torch.rand(3, 3, 8, 8)
    torch.testing.assert_close(found(x), torch.cat([network(one[None]) for one in x]))


def test_a_constant_that_repeats_itself_along_the_batch_is_that_of_one_window(tmp_path):
    text = "agraph (float[4,3,8,8] x) => (float[4,4,8,8] y) { y = Concat <axis = 1> (x, t) }"
    token = np.repeat(weights(1, 1, 8, 8), 4, axis=0)
    network = read(tmp_path, model(text, {"t": token}))
    assert network(torch.rand(3, 3, 8, 8)).shape == (3, 4, 8, 8)
    other = read(tmp_path, model(text, {"t": weights(4, 1, 8, 8)}))
    assert isinstance(other, InPieces)
