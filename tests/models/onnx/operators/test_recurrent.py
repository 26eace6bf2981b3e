"""Recurrent layers as onnxruntime computes them, and as networks of PyTorch are recorded."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from helpers.onnx_nodes import single
from onebyone.errors import InputError
from onebyone.graphs.recording import record
from onebyone.models.onnx.node import Node
from onebyone.models.onnx.table import find

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
_USUAL = {"RNN": 1, "GRU": 2, "LSTM": 3}
_NAMED = (
    "Affine", "Elu", "HardSigmoid", "LeakyRelu", "Relu", "ScaledTanh", "Sigmoid", "Softplus",
    "Softsign", "Tanh", "ThresholdedRelu",
)  # fmt: skip
_WITH_ALPHA = ("Affine", "Elu", "HardSigmoid", "LeakyRelu", "ScaledTanh", "ThresholdedRelu")
_WITH_BETA = ("Affine", "HardSigmoid", "ScaledTanh")
_T, _N, _C, _H = 5, 2, 3, 4


def _inputs(
    operator: str, directions: int, optional: set[str], seed: int = 0, dtype: Any = np.float32
) -> dict[str, Any]:
    rng = np.random.default_rng(seed)

    def drawn(*sizes: int) -> np.ndarray:
        return rng.normal(0, 0.5, sizes).astype(dtype)

    gates = _GATES[operator]
    found: dict[str, Any] = {
        "x": drawn(_T, _N, _C),
        "w": drawn(directions, gates * _H, _C),
        "r": drawn(directions, gates * _H, _H),
        "b": drawn(directions, 2 * gates * _H),
        "sequence_lens": np.full(_N, 3, np.int32),
        "initial_h": drawn(directions, _N, _H),
    }
    if operator == "LSTM":
        found |= {"initial_c": drawn(directions, _N, _H), "p": drawn(directions, 3 * _H)}
    kept = {"x", "w", "r"} | optional
    return {name: value if name in kept else None for name, value in found.items()}


def _compare(found: tuple[list[np.ndarray], list[np.ndarray]]) -> None:
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6)


@st.composite
def _layers(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any], int]:
    operator = draw(st.sampled_from(list(_GATES)))
    direction = draw(st.sampled_from(["forward", "reverse", "bidirectional"]))
    directions = 1 + (direction == "bidirectional")
    optional = draw(st.sets(st.sampled_from(["b", "sequence_lens", "initial_h", "initial_c", "p"])))
    says: dict[str, Any] = {"hidden_size": _H, "direction": direction}
    if draw(st.booleans()):
        each = [draw(st.sampled_from(_NAMED)) for _ in range(_USUAL[operator] * directions)]
        says["activations"] = each
        # onnxruntime does without for some activations only; all that can have one are given it.
        says["activation_alpha"] = [0.5 + 0.1 * k for k, n in enumerate(each) if n in _WITH_ALPHA]
        says["activation_beta"] = [0.4 + 0.1 * k for k, n in enumerate(each) if n in _WITH_BETA]
    if draw(st.booleans()):
        says["clip"] = draw(st.sampled_from([0.25, 1.0]))
    if operator == "GRU":
        says["linear_before_reset"] = draw(st.integers(0, 1))
    if operator == "LSTM":
        says["input_forget"] = draw(st.integers(0, 1))
    says = {name: value for name, value in says.items() if value != []}
    inputs = _inputs(operator, directions, optional, draw(st.integers(0, 99)))
    return operator, inputs, says, draw(st.sampled_from([7, 14, 22]))


@given(_layers())
@settings(max_examples=20, deadline=None)
def test_is_what_onnxruntime_computes(
    drawn: tuple[str, dict[str, Any], dict[str, Any], int],
) -> None:
    operator, inputs, says, opset = drawn
    outputs = 3 if operator == "LSTM" else 2
    _compare(single(operator, inputs, opset=opset, outputs=outputs, **says))


def _of_torch(kind: str, layer: nn.RNNBase) -> Node:
    """The node that a layer of PyTorch is, by hand: what each gate is called, in ONNX's order."""
    places = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 3, 1, 2)}[kind]
    weights = []
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        rows = []
        for suffix in ("l0", "l0_reverse")[: 1 + layer.bidirectional]:
            gates = getattr(layer, f"{name}_{suffix}").detach().unflatten(0, (len(places), -1))
            rows.append(torch.cat([gates[k] for k in places]))
        weights.append(torch.stack(rows))
    w, r, wb, rb = weights
    says = {"direction": "bidirectional" if layer.bidirectional else "forward"}
    if kind == "GRU":
        says["linear_before_reset"] = 1
    operator = find(kind, 22)
    assert operator is not None
    return Node(operator, says, [0, w, r, torch.cat([wb, rb], 1)])


_LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


@pytest.mark.parametrize("kind", list(_LAYERS))
@pytest.mark.parametrize("bidirectional", [False, True])
def test_is_the_layer_of_pytorch(kind: str, bidirectional: bool) -> None:
    torch.manual_seed(0)
    layer = _LAYERS[kind](_C, _H, bidirectional=bidirectional).double().eval()
    x = torch.randn(_T, _N, _C, dtype=torch.float64)
    with torch.no_grad():
        y, last = layer(x)
        found = _of_torch(kind, layer)(x)
    torch.testing.assert_close(found[0].transpose(1, 2).flatten(2), y)
    for a, b in zip(found[1:], last if kind == "LSTM" else (last,), strict=True):
        torch.testing.assert_close(a, b)


class _Rows(nn.Module):
    """The rows of images as sequences for a node."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self.node = node

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.node(images.flatten(2).permute(2, 0, 1))[1].transpose(0, 1)


@pytest.mark.parametrize("kind", list(_LAYERS))
def test_is_recorded_operator_by_operator(kind: str) -> None:
    network = _Rows(_of_torch(kind, _LAYERS[kind](_C, _H).eval())).eval()
    graph = record(network, torch.zeros(2, _C, 1, _T)).graph
    names = {str(node.target) for node in graph.nodes if node.op == "call_function"}
    assert any("tanh" in name for name in names)
    assert not any("rnn" in name or "lstm" in name or "gru" in name for name in names)


def test_states_for_one_window_are_those_of_each() -> None:
    torch.manual_seed(0)
    inputs = _inputs("GRU", 1, {"b"})
    inputs["initial_h"] = np.ones((1, 1, _H), np.float32)
    operator = find("GRU", 14)
    assert operator is not None
    node = Node(
        operator,
        {},
        [0, *(None if v is None else torch.tensor(v) for v in list(inputs.values())[1:])],
    )
    x = torch.tensor(inputs["x"])
    each = [node(x[:, k : k + 1])[0] for k in range(_N)]
    torch.testing.assert_close(node(x)[0], torch.cat(each, 2))


def test_lengths_that_differ_are_refused() -> None:
    inputs = _inputs("RNN", 1, {"sequence_lens"})
    inputs["sequence_lens"] = np.array([2, 5], np.int32)
    with pytest.raises(InputError, match=r"sequence_lens=\(2, 5\) differ, which windows"):
        single("RNN", inputs, opset=14, outputs=2, hidden_size=_H)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Affine", "activation .Affine. without its alpha or beta"),
        ("Sine", "activation .Sine., which is not"),
    ],
)
def test_activations_that_are_not_known_are_refused(name: str, told: str) -> None:
    operator = find("RNN", 14)
    assert operator is not None
    inputs = [torch.tensor(v) for v in _inputs("RNN", 1, set()).values() if v is not None]
    with pytest.raises(InputError, match=told):
        operator.function(*inputs, activations=(name,))
