"""The share of a plan that has run, as it is told."""

import pytest
import torch
from torch import nn

import onebyone as ob
from helpers.modules import settle
from onebyone.windows.backends import compilers

WINDOW = (2, 16, 16)


def network() -> nn.Module:
    layers = [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3)]
    return settle(nn.Sequential(*layers, nn.Flatten(), nn.Linear(144, 3)), 0)


def told(sliding: ob.SlidingModel, x: torch.Tensor) -> list[float]:
    shares: list[float] = []
    with torch.no_grad():
        with sliding.followed(shares.append, *x.shape[-2:]):
            sliding(x)
        before = list(shares)
        sliding(x)
    assert shares == before  # nothing is left behind
    return shares


@pytest.mark.parametrize("memory", [None, 1 << 17], ids=["one piece", "pieces"])
def test_shares_rise_to_the_end(memory: int | None) -> None:
    sliding = ob.slide(network(), WINDOW, 4, memory=memory)
    shares = told(sliding, torch.randn(2, 120, 70))
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.5
    assert shares[-1] > 0.9
    # No more parts were marked than have run, and no fewer.
    assert len(set(shares)) > sliding.plan(120, 70).pieces


def test_pieces_on_another_backend_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(compilers.COMPILERS, "openvino", lambda module, x: module)
    sliding = ob.slide(network(), WINDOW, 4, memory=7 << 13, backend="openvino")
    x = torch.randn(2, 120, 70)
    assert sliding.plan(120, 70).pieces > 3
    shares = told(sliding, x)
    assert len(shares) == 2 * sliding.plan(120, 70).pieces
    assert shares[-1] > 0.8


def test_one_part_tells_nothing() -> None:
    sliding = ob.slide(nn.Sequential(nn.Conv2d(2, 3, 16), nn.Flatten()).eval(), WINDOW)
    assert told(sliding, torch.randn(2, 16, 16)) == []


@pytest.mark.filterwarnings("ignore::onebyone.graphs.capture.NotCaptured")
def test_a_network_that_runs_as_crops() -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3)) if x.abs().max() < 1e6 else x.sum((2, 3))

    shares = told(ob.slide(Branching().eval(), WINDOW, 8, verify=4), torch.randn(2, 64, 64))
    assert shares == sorted(shares)
