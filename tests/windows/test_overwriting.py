"""Activations overwrite what only they read, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

import onebyone as ob
from helpers.modules import Apply
from helpers.oracle import assert_contract
from onebyone.graphs.aten import aten


def _targets(model: nn.Module) -> list[Any]:
    plan = ob.slide(model.eval(), (2, 8, 8), 2, verify=0).plan(12, 12)
    graphs = [m.graph for m in plan.module.modules() if isinstance(m, fx.GraphModule)]
    return [node.target for graph in graphs for node in graph.nodes]


def test_an_activation_behind_a_convolution_overwrites_it() -> None:
    targets = _targets(nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Flatten()))
    assert torch.relu_ in targets
    assert aten.relu.default not in targets


def test_what_others_read_is_not_overwritten() -> None:
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return (y + y.relu() + x.tanh()).flatten(1)

    model = Skip()
    targets = _targets(model)
    assert {aten.relu.default, aten.tanh.default} <= set(targets)
    x = torch.randn(1, 2, 12, 12)
    before = x.clone()
    ob.slide(model, (2, 8, 8), 2, verify=4)(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("activation", [torch.sigmoid, torch.tanh, torch.relu_])
def test_activations_of_integers(activation: Callable[[Tensor], Tensor]) -> None:
    """An integer result cannot hold what sigmoid makes of integers."""

    def levels(x: Tensor) -> Tensor:
        return activation((4 * x).to(torch.int32) - 2).to(x.dtype).mean((2, 3))

    model, x = Apply("levels", levels).eval(), torch.rand(1, 2, 20, 20)
    assert_contract(ob.slide(model, (2, 8, 8), 2)(x), model, x, (2, 8, 8), 2)
