"""Bands give what crops give, and compute nothing twice."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn
from torch.utils.flop_counter import FlopCounterMode

import onebyone as ob
from helpers.oracle import assert_equal_crops
from onebyone.windows import bands, memory


@pytest.fixture(autouse=True)
def weights_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "PER_WEIGHT", 0)


class Residual(nn.Module):
    """Two values of different reach, added."""

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(4, 4, 3, padding=padding)
        self.b = nn.Conv2d(4, 4, 1)
        self.cut = 1 - padding

    def forward(self, x: Tensor) -> Tensor:
        inner = x[:, :, self.cut : x.shape[2] - self.cut, self.cut : x.shape[3] - self.cut]
        return torch.relu(self.a(x)) + self.b(inner)


def _unpadded() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 5), nn.ReLU(), nn.MaxPool2d(3, 2), Residual(0), nn.Conv2d(4, 4, 1),
        nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2),
    )  # fmt: skip


def _padded() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 7, 2, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(3, 2, 1), Residual(1),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5),
    )  # fmt: skip


def _pooled() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int]] = {
    "no padding": (_unpadded, 16),
    "padding": (_padded, 32),
    "pooled": (_pooled, 9),
}


def _make(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    make, side = NETWORKS[name]
    torch.manual_seed(0)
    return make().double().eval(), (3, side, side)


def _bands(plan: fx.GraphModule) -> int:
    return sum(node.op == "call_module" for node in plan.graph.nodes)


@pytest.mark.parametrize("cached", [1, 400, 1500])
@pytest.mark.parametrize("stride", [1, 3, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_bands_equal_crops(
    name: str, stride: int, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "CACHED", cached)
    model, window = _make(name)
    sliding = ob.slide(model, window, stride, verify=0)
    x = torch.randn(2, 3, window[1] + 7 * stride + 1, window[2] + 2 * stride).double()
    with torch.no_grad():
        assert_equal_crops(sliding(x), model, x, window, stride)
    if cached == 1:
        plan = sliding.plan(*x.shape[2:])
        assert _bands(plan.module) == plan.grid[0]  # one for each row of windows


@pytest.mark.parametrize("name", NETWORKS)
def test_bands_compute_nothing_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, window = _make(name)
    x = torch.randn(1, 3, window[1] + 32, window[2] + 8).double()
    counts = []
    for cached in (2**21, 1):
        monkeypatch.setattr(memory, "CACHED", cached)
        sliding = ob.slide(model, window, 4, verify=0)
        module = sliding.plan(*x.shape[2:]).module
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module(x)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1]


def test_constants_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CACHED", 1)
    model, window = _make("padding")
    module = ob.slide(model, window, 4, verify=0).plan(60, 40).module
    folds = [n for n in module.graph.nodes if "rsqrt" in str(n.target) or "sqrt" in str(n.target)]
    assert len(folds) == 1
    inside = [n for child in module.children() if isinstance(child, fx.GraphModule)
              for n in child.graph.nodes if "sqrt" in str(n.target)]  # fmt: skip
    assert not inside


def test_bands_outweigh_their_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CACHED", 1)
    model, window = _make("no padding")
    modules = []
    for per_weight in (0, 20, 10**6):
        monkeypatch.setattr(bands, "PER_WEIGHT", per_weight)
        modules.append(ob.slide(model, window, 4, verify=0).plan(80, 40).module)
    assert [_bands(module) for module in modules[:2]] == [17, 4]
    assert "next" not in dict(modules[2].named_children())  # one for all
