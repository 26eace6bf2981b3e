"""Fourier transforms and windows of signals, as onnxruntime computes them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from helpers.onnx_nodes import single
from onebyone.graphs.recording import record
from onebyone.models.onnx.node import Node
from onebyone.models.onnx.table import find


def _drawn(*sizes: int, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=sizes).astype(dtype)


def _compare(found: tuple[list[np.ndarray], list[np.ndarray]], atol: float = 2e-5) -> None:
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("opset", [17, 20])
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("axis", [1, 2, -2])
@pytest.mark.parametrize("length", [None, 5, 12])
@pytest.mark.parametrize("says", [{}, {"inverse": 1}, {"onesided": 1}])
def test_dft(opset: int, parts: int, axis: int, length: int | None, says: dict[str, int]) -> None:
    if says.get("onesided") and parts == 2:
        pytest.skip("of real numbers only")
    inputs: dict[str, Any] = {"x": _drawn(2, 8, 6, parts)}
    inputs["dft_length"] = None if length is None else np.array(length, np.int64)
    if opset == 20:
        inputs["axis"] = np.array(axis, np.int64)
    elif axis < 0:
        pytest.skip("onnxruntime has none")
    else:
        says = {**says, "axis": axis}
    _compare(single("DFT", inputs, opset=opset, **says))


def test_dft_back_to_real_numbers() -> None:
    signal = _drawn(2, 9)
    half = torch.view_as_real(torch.fft.rfft(torch.tensor(signal)))
    operator = find("DFT", 20)
    assert operator is not None
    back = operator.function(half, (9,), (1,), inverse=1, onesided=1)
    torch.testing.assert_close(back, torch.tensor(signal)[..., None])


@pytest.mark.parametrize("onesided", [0, 1])
@pytest.mark.parametrize("window", [None, 6])
@pytest.mark.parametrize("length", [None, 6])
@pytest.mark.parametrize("step", [1, 4])
def test_stft(onesided: int, window: int | None, length: int | None, step: int) -> None:
    if window is None and length is None:
        pytest.skip("onnxruntime needs one of both")
    inputs = {
        "signal": _drawn(2, 21, 1),
        "frame_step": np.array(step, np.int64),
        "window": None if window is None else np.hanning(window).astype(np.float32),
        "frame_length": None if length is None else np.array(length, np.int64),
    }
    _compare(single("STFT", inputs, opset=17, onesided=onesided))


@pytest.mark.parametrize("operator", ["HannWindow", "HammingWindow", "BlackmanWindow"])
@pytest.mark.parametrize("periodic", [0, 1])
@pytest.mark.parametrize("size", [2, 7, 400])
@pytest.mark.parametrize("kind", [1, 11])
def test_windows(operator: str, periodic: int, size: int, kind: int) -> None:
    inputs = {"size": np.array(size, np.int64)}
    found = single(operator, inputs, opset=17, periodic=periodic, output_datatype=kind)
    _compare(found, atol=1e-6)


@pytest.mark.parametrize("bins", [1, 8, 40])
@pytest.mark.parametrize(
    ("length", "rate", "low", "high"), [(256, 8000, 0.0, 4000.0), (512, 16000, 60.0, 7600.0)]
)
def test_mel_weights(bins: int, length: int, rate: int, low: float, high: float) -> None:
    inputs = {
        "num_mel_bins": np.array(bins, np.int64),
        "dft_length": np.array(length, np.int64),
        "sample_rate": np.array(rate, np.int64),
        "lower_edge_hertz": np.array(low, np.float32),
        "upper_edge_hertz": np.array(high, np.float32),
    }
    _compare(single("MelWeightMatrix", inputs, opset=17), atol=1e-6)


class _Spectra(nn.Module):
    """Spectra of signals [N, 1, T]."""

    def __init__(self) -> None:
        super().__init__()
        operator = find("STFT", 17)
        assert operator is not None
        self.node = Node(operator, {}, [0, torch.tensor(4), torch.ones(8), None])

    def forward(self, signals: torch.Tensor) -> torch.Tensor:
        return self.node(signals.transpose(1, 2))


def test_is_recorded() -> None:
    network = _Spectra().eval()
    graph = record(network, torch.zeros(2, 1, 32)).graph
    names = [str(node.target) for node in graph.nodes]
    assert any("_fft_r2c" in name for name in names)
    assert network(torch.ones(3, 1, 32)).shape == (3, 7, 5, 2)
