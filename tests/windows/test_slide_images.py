"""Images of every kind give what their crops give, and stay as they were."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import onebyone as ob
from helpers.modules import Apply, settle
from helpers.oracle import assert_contract

WINDOW = (1, 8, 8)  # with one channel every image is channels last: nothing has to be copied


def in_place_first() -> nn.Module:
    return nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 4, 3), nn.Flatten())


def normalised() -> nn.Module:
    change = Apply("normalise", lambda x: x.sub_(0.5).div_(0.25))
    return nn.Sequential(change, nn.Conv2d(1, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1))


def returned() -> nn.Module:
    return Apply("change", lambda x: x.relu_())


def some_pixels() -> nn.Module:
    def change(x: Tensor) -> Tensor:
        x[:, :, 0] = 0.5
        x[:, :, 2:4].mul_(2)
        return x.mean((2, 3))

    return Apply("change", change)


def branching() -> nn.Module:
    def change(x: Tensor) -> Tensor:
        x.mul_(2)
        if x.abs().max() > 1e6:
            raise ValueError("these are not pixels")
        return x.mean((2, 3))

    return Apply("change", change)


CHANGING = (in_place_first, normalised, returned, some_pixels, branching)


@pytest.mark.parametrize("size", [(8, 8), (19, 22)])
@pytest.mark.parametrize("build", CHANGING, ids=lambda build: build.__name__)
@pytest.mark.filterwarnings("ignore::onebyone.graphs.capture.NotCaptured")
def test_a_network_that_changes_its_input(
    build: Callable[[], nn.Module], size: tuple[int, int]
) -> None:
    model = settle(build(), 0)
    sliding = ob.slide(model, WINDOW, 2)
    x = torch.randn(1, 1, *size)
    before = x.clone()
    with torch.no_grad():
        output = sliding(x)
        sliding.deviation(x)
    assert torch.equal(x, before)
    assert_contract(output, model, before, WINDOW, 2)


def test_changing_the_input_is_no_reason_to_end_sharing() -> None:
    changing, leaving = normalised(), normalised()
    leaving[0] = Apply("normalise", lambda x: (x - 0.5) / 0.25)
    plans = [ob.slide(model.eval(), WINDOW, 2).plan(30, 30) for model in (changing, leaving)]
    assert plans[0].multiply_adds == plans[1].multiply_adds
    assert plans[0].ratio > 2
