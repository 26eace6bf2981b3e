"""Networks with recurrent layers and functions, as PyTorch's two exporters and onnxscript write."""

import warnings
from pathlib import Path

import onnxruntime
import pytest
import torch
from torch import nn

from onebyone.graphs.capture import capture
from onebyone.models.onnx.reading import load_onnx


class _Reader(nn.Module):
    """Convolutions, then a recurrent layer along the rows."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.rows = kind(4 * 6, 5, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.conv(x)).permute(0, 3, 1, 2).flatten(2)
        return self.head(self.rows(y)[0][:, -1])


@pytest.mark.parametrize(
    ("kind", "dynamo", "fixed"),
    [
        (nn.GRU, False, True),
        (nn.LSTM, False, False),
        (nn.LSTM, True, True),
        (nn.RNN, True, False),  # step by step
        *(
            pytest.param(kind, dynamo, fixed, marks=pytest.mark.slow)
            for kind in (nn.RNN, nn.GRU, nn.LSTM)
            for dynamo in (False, True)
            for fixed in (False, True)
        ),
    ],
)
def test_recurrent_layers(
    tmp_path: Path, kind: type[nn.RNNBase], dynamo: bool, fixed: bool
) -> None:
    torch.manual_seed(0)
    network, path = _Reader(kind).eval(), str(tmp_path / "m.onnx")
    x = torch.randn(1 if fixed else 2, 1, 6, 7)
    if dynamo:
        named = {"dynamic_shapes": None if fixed else ({0: torch.export.Dim("n")},)}
    else:
        named = {"dynamic_axes": None if fixed else {"x": {0: "n"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (x,), path, dynamo=dynamo, input_names=["x"], **named)
    read = load_onnx(path).network
    assert isinstance(read, nn.Module)
    (one,) = onnxruntime.InferenceSession(path).run(None, {"x": x.numpy()})
    more = torch.randn(3, 1, 6, 7)
    with torch.no_grad():
        torch.testing.assert_close(read(x), torch.tensor(one), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(read(more), network(more), rtol=1e-5, atol=1e-6)
    assert "conv2d" in str(capture(read, (1, 6, 7)).graph)
