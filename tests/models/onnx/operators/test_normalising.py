"""Normalisations against onnxruntime, where the node tests of ONNX leave off."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch.nn import functional

from helpers.onnx_files import ran, saved, windows
from helpers.onnx_nodes import single
from helpers.onnx_pairs import model
from helpers.onnx_recorded import targets
from onebyone.errors import InputError
from onebyone.models import load
from onebyone.models.onnx.operators import normalising

_RNG = np.random.default_rng(0)


def image(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return _RNG.standard_normal(shape).astype(dtype)


def close(found: list[np.ndarray], expected: list[np.ndarray], tolerance: float = 1e-5) -> None:
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=10 * tolerance, atol=tolerance)


def statistics(count: int, dtype: Any = np.float32) -> dict[str, np.ndarray]:
    values = {name: image(count, dtype=dtype) for name in ("scale", "B", "mean")}
    return values | {"var": _RNG.uniform(0.5, 2, count).astype(dtype)}


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
@pytest.mark.parametrize("sizes", [(), (5,), (4, 5), (2, 3, 4)])
def test_batch_normalization(opset: int, sizes: tuple[int, ...]) -> None:
    close(*single("BatchNormalization", {"X": image(2, 3, *sizes), **statistics(3)}, opset=opset))


def test_batch_normalization_of_each_place() -> None:
    x, own = image(2, 3, 4, 5), statistics(3 * 4 * 5)
    own = {name: value.reshape(3, 4, 5) for name, value in own.items()}
    values = [torch.from_numpy(v) for v in (x, *own.values())]
    found = normalising.batch_normalization_or_training(*values, outputs=1, spatial=0, epsilon=0.1)
    flat = [v.reshape(2, -1) if v is values[0] else v.reshape(-1) for v in values]
    expected = functional.batch_norm(flat[0], flat[3], flat[4], flat[1], flat[2], eps=0.1)
    torch.testing.assert_close(found, expected.reshape(found.shape))


@pytest.mark.parametrize(("dtype", "own"), [(np.float16, np.float32), (np.float32, np.float64)])
def test_batch_normalization_of_mixed_types(dtype: Any, own: Any) -> None:
    x, values = image(2, 3, 4, dtype=dtype), statistics(3, own)
    given = [torch.from_numpy(v) for v in (x, *values.values())]
    found = normalising.batch_normalization(*given)
    exact = functional.batch_norm(
        *(v.double() for v in (given[0], given[3], given[4], given[1], given[2]))
    )
    assert found.dtype == given[0].dtype
    close([found.numpy()], [exact.to(found.dtype).numpy()], 1e-3 if dtype == np.float16 else 1e-6)


def test_batch_normalization_in_training_is_refused() -> None:
    with pytest.raises(InputError, match="training"):
        normalising.batch_normalization_or_training(*torch.rand(5, 3), outputs=3)


def standardised() -> onnx.ModelProto:
    """A convolution whose weights are standardised in the graph, as those of timm are."""
    arrays = {
        "w": _RNG.standard_normal((4, 3, 3, 3)).astype("f"), "k": np.array([1, 4, -1]),
        "one": np.ones(4, "f"), "none": np.zeros(4, "f"), "sizes": np.array([4, 3, 3, 3]),
    }  # fmt: skip
    text = """net (float[N,3,8,8] x) => (float[N,4,6,6] y) {
        r = Reshape(w, k) n, mean, var = BatchNormalization<training_mode=1>(r, one, one, none, one)
        v = Reshape(n, sizes) y = Conv<kernel_shape=[3,3]>(x, v)
    }"""
    return model(text, arrays)


def test_weights_are_standardised_by_their_own_statistics(tmp_path: Path) -> None:
    path = saved(tmp_path, standardised())
    x = windows(3)
    network = load(path).network
    np.testing.assert_allclose(
        network(x).detach(), ran(path, {"x": x}, ["y"])[0], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("sizes", [(7,), (4, 5), (1, 2, 3)])
def test_instance_normalization(sizes: tuple[int, ...]) -> None:
    inputs = {"X": image(2, 3, *sizes), "scale": image(3), "B": image(3)}
    close(*single("InstanceNormalization", inputs, opset=7, epsilon=0.01))


def test_instance_normalization_of_one_place() -> None:
    bias = torch.rand(3)
    found = normalising.instance_normalization(torch.rand(2, 3, 1, 1), torch.rand(3), bias)
    torch.testing.assert_close(found, bias.reshape(1, 3, 1, 1).expand(2, 3, 1, 1))


@pytest.mark.parametrize("axis", [-1, -2, 1, 2, 0])
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("biased", [True, False])
def test_layer_normalization(axis: int, outputs: int, biased: bool) -> None:
    x = image(2, 3, 4)
    own = x.shape[axis:]
    inputs = {"X": x, "Scale": image(*own), **({"B": image(*own)} if biased else {})}
    close(*single("LayerNormalization", inputs, opset=17, axis=axis, outputs=outputs))


def test_layer_normalization_whose_scale_is_spread() -> None:
    inputs = {"X": image(2, 3, 4), "Scale": image(4), "B": image(1, 4)}
    close(*single("LayerNormalization", inputs, opset=17, axis=1))


@pytest.mark.parametrize("opset", [18, 21])
@pytest.mark.parametrize("sizes", [(5,), (4, 5)])
def test_group_normalization(opset: int, sizes: tuple[int, ...]) -> None:
    count = 2 if opset == 18 else 6
    inputs = {"X": image(2, 6, *sizes), "scale": image(count), "bias": image(count)}
    close(*single("GroupNormalization", inputs, opset=opset, num_groups=2))


@pytest.mark.parametrize("axis", [-1, 1])
def test_rms_normalization(axis: int) -> None:
    x = image(2, 3, 4)
    for scale in (image(*x.shape[axis:]), image(1)):
        close(*single("RMSNormalization", {"X": x, "scale": scale}, opset=23, axis=axis))


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9, 13])
@pytest.mark.parametrize("channels", [1, 4, 8, 11])
def test_local_response_normalization(size: int, channels: int) -> None:
    given: dict[str, Any] = {"alpha": 0.5, "beta": 0.6, "bias": 1.5, "size": size}
    close(*single("LRN", {"X": image(2, channels, 3, 4)}, opset=13, **given))


def test_local_response_normalization_of_an_even_size() -> None:
    x = torch.rand(1, 6, 2, 2, dtype=torch.float64)
    found = normalising.local_response_normalization(x, size=4, alpha=2.0)
    for c in range(6):  # as ONNX says: from c - floor(3 / 2) to c + ceil(3 / 2)
        near = (x[:, max(0, c - 1) : c + 3] ** 2).sum(1)
        torch.testing.assert_close(found[:, c], x[:, c] / (1 + 2 / 4 * near) ** 0.75)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("axis", [-1, 1, 0])
def test_lp_normalization(p: int, axis: int) -> None:
    x = image(2, 3, 4)
    x[0] = 0
    close(*single("LpNormalization", {"X": x}, opset=7, p=p, axis=axis))


def test_half_precision_keeps_its_type() -> None:
    x = 300 * torch.ones(1, 4, dtype=torch.float16)  # whose squares are too large
    found = normalising.lp_normalization(x)
    assert found.dtype is torch.float16
    torch.testing.assert_close(found, torch.full_like(x, 0.5))


def test_norms_are_recorded_as_pytorchs_layers() -> None:
    x = torch.rand(1, 4, 4)

    def norm(t: torch.Tensor) -> Any:
        own = torch.ones(4, device=t.device)
        return normalising.layer_normalization(t, own, own, outputs=1)

    def rms(t: torch.Tensor) -> torch.Tensor:
        return normalising.rms_normalization(t, torch.ones(4, device=t.device))

    def expected(t: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(t, (4,), torch.ones(4, device=t.device), 1e-5)

    assert targets(norm, x) == ["ones", "layer_norm"]
    assert targets(rms, x) == targets(expected, x)


@pytest.mark.parametrize("size", [3, 5, 9])
def test_local_response_normalization_is_recorded(size: int) -> None:
    found = targets(
        lambda t: normalising.local_response_normalization(t, size=size), torch.rand(1, 6, 3, 3)
    )
    assert set(found) <= {"mul", "slice", "sum", "add", "cat", "pow", "div"}
