"""Bands give what crops give, and compute nothing twice."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn
from torch.utils.flop_counter import FlopCounterMode

import onebyone as ob
from helpers.oracle import assert_equal_crops
from helpers.targets import on_target
from onebyone.windows import SlidingModel
from onebyone.windows.looping import Turns


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


def _slide(model: nn.Module, window: tuple[int, ...], stride: int, **target: int) -> SlidingModel:
    """Where weights cost nothing, unless said otherwise."""
    return on_target(ob.slide(model, window, stride, verify=0), **{"per_weight": 0, **target})


def _bands(plan: ob.Plan) -> int:
    return len(plan.schedule.loops[0].turns)


@pytest.mark.parametrize("cached", [1, 400, 1500])
@pytest.mark.parametrize("stride", [1, 3, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_bands_equal_crops(name: str, stride: int, cached: int) -> None:
    model, window = _make(name)
    sliding = _slide(model, window, stride, cached=cached)
    x = torch.randn(2, 3, window[1] + 7 * stride + 1, window[2] + 2 * stride).double()
    with torch.no_grad():
        assert_equal_crops(sliding(x), model, x, window, stride)
    if cached == 1:
        plan = sliding.plan(*x.shape[2:])
        assert _bands(plan) == plan.grid[0]  # one for each row of windows


@pytest.mark.parametrize("name", NETWORKS)
def test_bands_compute_nothing_twice(name: str) -> None:
    model, window = _make(name)
    x = torch.randn(1, 3, window[1] + 32, window[2] + 8).double()
    counts = []
    for cached in (2**21, 1):
        sliding = _slide(model, window, 4, cached=cached)
        module = sliding.plan(*x.shape[2:]).module
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module(x)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1]


def test_constants_are_computed_once() -> None:
    model, window = _make("padding")
    module = _slide(model, window, 4, cached=1).plan(60, 40).module
    assert isinstance(module, Turns)
    folds = [
        graph
        for graph in module.modules()
        if isinstance(graph, fx.GraphModule)
        for node in graph.graph.nodes
        if "sqrt" in str(node.target)
    ]
    assert folds == [module.once]


def test_bands_outweigh_their_weights() -> None:
    model, window = _make("no padding")
    plans = [
        _slide(model, window, 4, cached=1, per_weight=per_weight).plan(80, 40)
        for per_weight in (0, 20, 10**6)
    ]
    assert [_bands(plan) for plan in plans] == [17, 4, 1]


def test_plans_are_as_large_for_every_image() -> None:
    sliding = _slide(*_make("padding"), 4, cached=400)
    modules = [sliding.plan(32 + 4 * rows, 72).module for rows in (9, 10, 100, 1000)]
    assert len({_nodes(module) for module in modules[1:]}) == 1
    assert isinstance(modules[0], Turns)


def _nodes(module: nn.Module) -> int:
    graphs = (part for part in module.modules() if isinstance(part, fx.GraphModule))
    return sum(len(part.graph.nodes) for part in graphs)


def test_plans_are_copied_and_pickled() -> None:
    model, window = _make("padding")
    sliding = _slide(model, window, 4, cached=400)
    x = torch.randn(1, 3, 60, 40).double()
    plan = sliding.plan(60, 40)
    for copied in (copy.deepcopy(plan), pickle.loads(pickle.dumps(plan))):
        assert copied.schedule == plan.schedule
        assert str(copied) == str(plan)
        with torch.no_grad():
            assert torch.equal(copied.module(x)[0], plan.module(x)[0])


def test_a_schedule_says_what_is_run() -> None:
    lines = str(_slide(*_make("padding"), 4, cached=1).plan(60, 40)).splitlines()
    assert lines[0].startswith("8×3 windows on 60×40, in about ")
    assert lines[1:] == [
        "  axis 0: 8 bands of 1 window, each goes on from the one before",
        "    axis 1: 3 turns of 1 window, independent",
    ]
