"""Graphs made functional by themselves are those that tracing again gives."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from helpers.graphs import structure
from helpers.modules import Apply
from helpers.torchvision_offline import FAMILIES, Family
from onebyone.graphs import capture as capture_module
from onebyone.graphs.capture import Captured, capture
from onebyone.graphs.recording import NotRecorded
from onebyone.windows.levels import module_of

WINDOW = (3, 8, 8)


class Network(nn.Module):
    """A convolution, and what a case does with its output."""

    def __init__(self, tail: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.tail = nn.Conv2d(3, 4, 3, padding=1), tail

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.conv(x))


def in_place(h: Tensor) -> Tensor:
    return h.relu_() + h


def read_before(h: Tensor) -> Tensor:
    before = h.mean((2, 3), keepdim=True)
    return F.leaky_relu(h.add_(1.0), inplace=True) * before


def chain(h: Tensor) -> Tensor:
    return F.dropout(h, 0.5, training=False).relu_().mul_(2.0).flatten(1)


def dropped(h: Tensor) -> Tensor:
    y = F.dropout(h, 0.5, training=False).relu_()
    return y.mul_(2.0) + h  # dropout in eval mode gives what it was given: y is h


def through_a_view(h: Tensor) -> Tensor:
    h.flatten(1).relu_()
    return h


def of_a_view(h: Tensor) -> Tensor:
    h[:, :2] = 0.0
    return h.flatten(2).transpose(1, 2)


def a_view_made_before(h: Tensor) -> Tensor:
    flat = h.flatten(1)
    h.relu_()
    return flat


def promoted(h: Tensor) -> Tensor:
    return h.mul_(torch.ones((), dtype=torch.float64)).flatten(1)


def compared(h: Tensor) -> Tensor:
    return h.gt_(0.5).mul_(3.0)


def of_an_item(h: Tensor) -> Tensor:
    a, b = h.chunk(2, dim=1)
    a.relu_()
    return torch.cat([b, h], 1)


def without_gradients(h: Tensor) -> Tensor:
    with torch.no_grad():
        return h.relu_()


SURE = (in_place, read_before, chain, dropped)
UNSURE = (through_a_view, of_a_view, a_view_made_before, promoted, compared, of_an_item)


def not_recorded(*_: object) -> None:
    """What is exported is looked at here."""
    raise NotRecorded


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What `functional` answered."""
    monkeypatch.setattr(capture_module, "record", not_recorded)
    answers: list[bool] = []
    real = capture_module.functional

    def spy(graph: fx.Graph, image: fx.Node) -> bool:
        answers.append(real(graph, image))
        return answers[-1]

    monkeypatch.setattr(capture_module, "functional", spy)
    return answers


@pytest.mark.parametrize("tail", [*SURE, *UNSURE, without_gradients], ids=lambda f: f.__name__)
def test_in_place_operators(tail: Callable[[Tensor], Tensor], asked: list[bool]) -> None:
    model = Network(tail).eval()
    captured = capture(model, WINDOW)
    if tail is not without_gradients:
        assert asked == [tail in SURE]
    x = torch.randn(3, *WINDOW)
    with torch.no_grad():
        (found,) = runnable(captured)(x)
        torch.testing.assert_close(found, model(x))


def runnable(captured: Captured) -> fx.GraphModule:
    return module_of(captured.graph, model=captured.model, constants=captured.constants)


def in_place_at_once(x: Tensor) -> Tensor:
    return x.relu_()


def normalised(x: Tensor) -> Tensor:
    x.sub_(0.5).div_(0.25)
    return F.max_pool2d(x, 2) + x.mean((2, 3), keepdim=True)


def some_pixels(x: Tensor) -> Tensor:
    x[:, 0] = 1.0
    return x * 2


def changed_last(x: Tensor) -> Tensor:
    y = x.mean((2, 3))
    x.zero_()
    return y


@pytest.mark.parametrize(
    ("change", "sure"),
    [(in_place_at_once, True), (normalised, True), (some_pixels, False), (changed_last, True)],
)
def test_a_network_that_changes_its_input(
    change: Callable[[Tensor], Tensor], sure: bool, asked: list[bool]
) -> None:
    model = Apply("change", change).eval()
    captured = capture(model, WINDOW)
    assert asked == [sure]
    x = torch.randn(3, *WINDOW)
    before = x.clone()
    found = runnable(captured)(x)
    assert torch.equal(x, before)
    (found,) = found
    torch.testing.assert_close(found, model(x))


FOR_EVERY_RUN = ("alexnet", "resnet", "shufflenet")
# The others have attention, which is traced again, or no operator that these lack.
IN_TIME = ("convnext", "densenet", "efficientnet", "googlenet", "mobilenetv2", "mobilenetv3")


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=() if family.name in FOR_EVERY_RUN else pytest.mark.slow)
        for family in FAMILIES
        if family.name in FOR_EVERY_RUN + IN_TIME
    ],
    ids=lambda family: family.name,
)
def test_same_as_traced_again(
    family: Family, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, window = family.as_built(), (3, family.window, family.window)
    quick = structure(capture(model, window))
    assert asked == [True]
    monkeypatch.setattr(capture_module, "functional", lambda *_: False)
    assert structure(capture(model, window)) == quick
