"""Counts for one window against PyTorch's counter on a real run."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from onebyone.graphs.capture import capture
from onebyone.graphs.operations import elements, multiply_adds


class Gram(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2) @ x.flatten(2).mT


NETWORKS = {
    "convolutions": nn.Sequential(nn.Conv2d(2, 4, 3, groups=2, stride=2), nn.Conv2d(4, 3, 2)),
    "transposed": nn.ConvTranspose2d(2, 3, 3, stride=2),
    "linear": nn.Sequential(nn.Flatten(), nn.Linear(128, 5), nn.ReLU(), nn.Linear(5, 2)),
    "products of two maps": Gram(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_as_pytorch_counts(name: str) -> None:
    model = NETWORKS[name].eval()
    captured = capture(model, (2, 8, 8))
    counted = sum(multiply_adds(n) for n in captured.graph.nodes if n.op == "call_function")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 2, 8, 8))
    assert counted == counter.get_total_flops()


def test_elements() -> None:
    captured = capture(nn.Conv2d(2, 4, 3).eval(), (2, 8, 8))
    (node,) = [n for n in captured.graph.nodes if n.op == "call_function"]
    assert elements(node) == 4 * 6 * 6


class Masked(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, torch.tensor([True, False])]


def test_what_depends_on_numbers_counts_as_nothing() -> None:
    captured = capture(Masked().eval(), (2, 8, 8))
    assert sum(multiply_adds(n) for n in captured.graph.nodes if n.op == "call_function") == 0
