"""Activations against onnxruntime: old operator sets, broadcasts, and what is recorded."""

from typing import Any

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import agree
from helpers.onnx_recorded import node_targets
from onebyone.models.onnx.table import find

_X = np.random.default_rng(0).normal(0, 3, (2, 3, 4, 5)).astype(np.float32)
_EDGES = np.array([0.0, -0.0, np.inf, -np.inf, 1e-30, 30.0, -30.0], np.float32)
_SIXTH = float(np.float32(1 / 6))


@pytest.mark.parametrize(
    ("operator", "opset", "attributes"),
    [
        ("Relu", 7, {}), ("Relu", 14, {}), ("Sigmoid", 7, {}), ("Tanh", 7, {}),
        ("LeakyRelu", 7, {}), ("LeakyRelu", 16, {"alpha": 0.2}),
        ("Elu", 7, {}), ("Elu", 7, {"alpha": 0.7}),
        ("Selu", 7, {}), ("Selu", 7, {"alpha": 1.2, "gamma": 1.1}),
        ("Celu", 12, {}), ("Celu", 12, {"alpha": 2.0}),
        ("Gelu", 20, {}), ("Gelu", 20, {"approximate": "tanh"}),
        ("HardSigmoid", 7, {}), ("HardSigmoid", 7, {"alpha": 0.3, "beta": 0.4}),
        ("HardSigmoid", 18, {"alpha": _SIXTH, "beta": 0.5}),
        ("HardSwish", 14, {}), ("Mish", 18, {}),
        ("Softplus", 7, {}), ("Softsign", 7, {}),
        ("ThresholdedRelu", 10, {}), ("ThresholdedRelu", 10, {"alpha": 2.0}),
        ("Shrink", 9, {}), ("Shrink", 9, {"bias": 0.3, "lambd": 1.1}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("x", [_X, _EDGES, _X[:0], _X[0, 0, 0, 0]], ids=["image", "edges", "0", ""])
def test_like_onnxruntime(operator: str, opset: int, attributes: dict[str, Any], x: Any) -> None:
    if operator in ("Mish", "HardSwish", "Softsign", "Gelu") and x is _EDGES:
        x = x[np.isfinite(x)]  # onnxruntime multiplies infinity with 0
    agree(operator, {"x": x}, opset=opset, **attributes)


@pytest.mark.parametrize("alpha", [1.0, 1.702])
def test_swish(alpha: float) -> None:
    entry = find("Swish", 24)
    assert entry is not None
    x = torch.from_numpy(_X).double()
    expected = x / (1 + torch.exp(-alpha * x))
    torch.testing.assert_close(entry.function(x, alpha=alpha), expected)


@pytest.mark.parametrize("opset", [7, 9, 16])
@pytest.mark.parametrize("shape", [(3, 1, 1), (1,), (1, 1, 1), (4, 5), (3, 4, 5), (5,)])
def test_prelu_broadcasts_its_slopes(shape: tuple[int, ...], opset: int) -> None:
    slope = np.linspace(-0.5, 0.5, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    agree("PRelu", {"x": _X, "slope": slope}, opset=opset)


@pytest.mark.parametrize("shape", [(4,), (1,), ()])
def test_prelu_of_rows(shape: tuple[int, ...]) -> None:
    slope = np.full(shape, 0.3, np.float32)
    agree("PRelu", {"x": _X[0, 0, :, :4], "slope": slope}, opset=9)


def test_prelu_of_channels_is_recorded_as_pytorchs() -> None:
    x = torch.rand(1, 3, 4, 5)
    assert node_targets("PRelu", x, np.ones((3, 1, 1), np.float32))[-1] == "prelu"
    assert node_targets("PRelu", x, np.ones((4, 5), np.float32))[-1] == "where"


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_clip_by_attributes_and_by_inputs(dtype: str) -> None:
    x = _X.astype(dtype)
    if dtype == "float32":
        agree("Clip", {"x": x}, opset=7, min=-1.0, max=2.0)
        agree("Clip", {"x": x}, opset=7)
        agree("Clip", {"x": x, "low": np.float32(-1), "high": np.float32(2)}, opset=11)
    low, high = np.array(-1, dtype), np.array(2, dtype)
    agree("Clip", {"x": x, "low": low, "high": high}, opset=13)
    agree("Clip", {"x": x, "low": None, "high": high}, opset=13)
    agree("Clip", {"x": x, "low": low}, opset=13)
    agree("Clip", {"x": x}, opset=13)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_clip_of_integers(dtype: str) -> None:
    x = np.arange(12).astype(dtype)
    agree("Clip", {"x": x, "low": np.array(3, dtype), "high": np.array(7, dtype)}, opset=12)


def test_clip_whose_limits_cross_gives_the_upper_one() -> None:
    agree("Clip", {"x": _X, "low": np.float32(2), "high": np.float32(-1)}, opset=13)


def test_activations_are_recorded_as_pytorchs() -> None:
    x = torch.rand(1, 3, 4, 5)
    names = {
        "Relu": "relu", "LeakyRelu": "leaky_relu", "Elu": "elu", "Selu": "elu", "Celu": "celu",
        "Gelu": "gelu", "HardSwish": "hardswish", "Mish": "mish", "Swish": "silu",
        "Softplus": "softplus", "Sigmoid": "sigmoid", "Tanh": "tanh",
    }  # fmt: skip
    for operator, target in names.items():
        assert node_targets(operator, x, opset=24) == [target]
    assert node_targets("HardSigmoid", x, alpha=_SIXTH, beta=0.5) == ["hardsigmoid"]
    assert node_targets("Clip", x, np.float32(0), np.float32(6)) == ["clamp"]
