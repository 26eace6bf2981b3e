"""A layer over the whole window adds what each block holds of it, where that saves copying."""

import pytest
import torch
from torch import fx, nn

import onebyone as ob
from helpers.oracle import assert_equal_crops
from onebyone.bench.networks import small_padded
from onebyone.graphs.aten import aten
from onebyone.windows import cut

WINDOWS = 25  # 5 × 5 of 16×16 at stride 4 in 32×32


def _network(outputs: int, *, bias: bool = True) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 5, 3, padding=1),
        nn.Flatten(), nn.Linear(5 * 64, outputs, bias=bias),
    ).double().eval()  # fmt: skip


def _operators(module: fx.GraphModule) -> list[object]:
    return [
        node.target
        for child in module.modules()
        if isinstance(child, fx.GraphModule)
        for node in child.graph.nodes
    ]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("outputs", "shares"), [(3, True), (WINDOWS, False)])
def test_windows_are_gathered_where_they_are_fewer_than_outputs(
    outputs: int, shares: bool, bias: bool
) -> None:
    torch.manual_seed(0)
    network, x = _network(outputs, bias=bias), torch.randn(2, 2, 32, 32, dtype=torch.float64)
    sliding = ob.slide(network, (2, 16, 16), 4, verify=0)
    plan = sliding.plan(32, 32)
    assert plan.grid == (5, 5)
    assert (aten.linear.default not in _operators(plan.module)) == shares
    assert_equal_crops(sliding(x), network, x, (2, 16, 16), 4)


def test_gathering_windows_counts_in_the_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last pooling is cheap and is half edges: what counts is that windows are copied there."""
    sliding = ob.slide(small_padded(), (3, 64, 64), 8, verify=0, costs=ob.Costs(12, 20))
    assert not sliding.plan(256, 256).sharing.ended
    monkeypatch.setattr(cut, "_gathered", lambda *_: 0)
    sliding = ob.slide(small_padded(), (3, 64, 64), 8, verify=0, costs=ob.Costs(12, 20))
    assert sliding.plan(256, 256).sharing.ended


class _Both(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"scores": x, "odds": x.exp()[:, None]}


FORMS = {"row": (6, 3), "pieces": (64, 3), "halves": (64, 17)}
"""Channels and classes of a signal's network, by how its last layer runs at stride 16."""


@pytest.mark.parametrize("stride", [4, 16])
@pytest.mark.parametrize("windows", [240, 241])
@pytest.mark.parametrize("form", FORMS)
def test_a_long_signal_is_one_piece_and_equals_crops(form: str, windows: int, stride: int) -> None:
    torch.manual_seed(0)
    channels, classes = FORMS[form]
    model = nn.Sequential(
        nn.Conv1d(2, channels, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(),
        nn.Linear(channels * 80, classes), _Both(),
    ).double().eval()  # fmt: skip
    x = torch.randn(3, 2, 160 + stride * (windows - 1), dtype=torch.float64)
    sliding = ob.slide(model, (2, 160), stride, verify=0)
    plan = sliding.plan(x.shape[2])
    assert (plan.pieces, plan.grid) == (1, (windows,))
    used = _operators(plan.module)
    assert (aten.sum.dim_IntList in used) == (form == "pieces" and stride == 16)
    assert (aten.conv1d.default in used) == (form == "halves" and stride == 16)
    assert_equal_crops(sliding(x), model, x, (2, 160), stride)
