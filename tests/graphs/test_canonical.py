"""The canonical graph computes what the network does, with one form of each operator."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from helpers.modules import Apply
from onebyone.errors import InputError
from onebyone.graphs.aten import aten, value_of
from onebyone.graphs.capture import Captured, capture
from onebyone.windows.levels import module_of

CASES: dict[str, tuple[nn.Module, set[str]]] = {
    "dropout goes": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.Dropout(0.5)), {"conv2d"}),
    "BatchNorm folds": (
        nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3)),
        {"conv2d", "add", "mul", "neg", "reshape", "rsqrt"},
    ),
    "BatchNorm alone stays": (nn.BatchNorm2d(2), {"batch_norm"}),
    "same padding": (nn.Conv2d(2, 3, 4, padding="same"), {"conv2d", "constant_pad_nd"}),
    "adaptive average of one": (nn.AdaptiveAvgPool2d(1), {"mean"}),
    "adaptive average that divides": (nn.AdaptiveAvgPool2d(4), {"avg_pool2d"}),
    "adaptive average that does not": (nn.AdaptiveAvgPool2d(3), {"adaptive_avg_pool2d"}),
    "adaptive maximum of one": (nn.AdaptiveMaxPool2d(1), {"amax"}),
    "adaptive maximum that divides": (nn.AdaptiveMaxPool2d(2), {"max_pool2d"}),
}


def _captured(model: nn.Module) -> Captured:
    return capture(model.eval(), (2, 8, 8))


def _operators(captured: Captured) -> set[str]:
    return {
        node.target.overloadpacket.__name__
        for node in captured.graph.nodes
        if node.op == "call_function"
    }


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", CASES)
def test_one_form_and_equal_results(name: str) -> None:
    model, expected = CASES[name]
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.weight)
    captured = _captured(model.double())
    assert _operators(captured) == expected
    module = module_of(captured.graph, model=captured.model, constants=captured.constants)
    x = torch.randn(3, 2, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(module(x)[0], model(x))


class Halves(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=1)
        return torch.cat([second, first], 1)


def test_items_of_a_split_become_slices() -> None:
    captured = _captured(Halves())
    assert _operators(captured) == {"slice", "cat"}


def test_folded_weights_follow_the_live_network() -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)).eval()
    captured = _captured(model)
    module = module_of(captured.graph, model=captured.model, constants=captured.constants)
    x = torch.randn(2, 2, 8, 8)
    with torch.no_grad():
        model[1].running_var.fill_(9.0)
        model[0].weight = nn.Parameter(torch.randn(3, 2, 3, 3))
    torch.testing.assert_close(module(x)[0], model(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "module", [nn.BatchNorm2d(2, track_running_stats=False), nn.BatchNorm2d(2).train()]
)
def test_statistics_of_the_batch_are_refused(module: nn.Module) -> None:
    with pytest.raises(InputError, match=r"statistics of the batch|changes its own tensors"):
        capture(module, (2, 8, 8))


@pytest.mark.parametrize("function", [torch.sigmoid, torch.tanh])
def test_integers_become_numbers_first(function: Callable[[Tensor], Tensor]) -> None:
    """Then the operator keeps its input's type, and may overwrite it."""
    model = Apply("of integers", lambda x: function((3 * x).to(torch.int64) + 2))
    captured = _captured(model)
    for node in captured.graph.nodes:
        if node.target in (aten.sigmoid.default, aten.tanh.default):
            assert value_of(node.args[0]).dtype == value_of(node).dtype == torch.float32
    x = torch.randn(2, 2, 8, 8)
    module = module_of(captured.graph, model=captured.model, constants=captured.constants)
    torch.testing.assert_close(module(x)[0], model(x))


def test_a_batch_norm_that_others_read_too_is_not_folded() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return y + self.norm(y)

    captured = _captured(Twice())
    assert any(node.target is aten.batch_norm.default for node in captured.graph.nodes)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_max_pooling_comes_before_relu_bit_by_bit(rank: int) -> None:
    pool = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[rank - 1]
    model = nn.Sequential(nn.ReLU(), pool(3, 2, padding=1, ceil_mode=True))
    captured = capture(model, (2, *[8] * rank))
    functions = [node.target for node in captured.graph.nodes if node.op == "call_function"]
    assert functions[-1] is aten.relu.default
    assert len(functions) == 2
    module = module_of(captured.graph, model=captured.model, constants=captured.constants)
    x = torch.randn(3, 2, *[8] * rank)
    assert torch.equal(module(x)[0], model(x))


def test_max_pooling_stays_behind_where_others_read_the_relu_or_padding_may_be_alone() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = x.relu()
            return y, nn.functional.max_pool2d(y, 2)

    for model in (Twice(), nn.Sequential(nn.ReLU(), nn.MaxPool2d(2, padding=1, dilation=2))):
        functions = [n.target for n in _captured(model).graph.nodes if n.op == "call_function"]
        assert functions == [aten.relu.default, aten.max_pool2d.default]
