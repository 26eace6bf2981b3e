"""A digest tells changed weights however they were written."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from onebyone.windows.backends import digest_of, state_of


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Linear(7, 401))


def by_data(model: nn.Module) -> None:
    model[0].weight.data.mul_(2)


def exchanged(model: nn.Module) -> None:
    model[0].weight.data = model[0].weight.data.flip(1)


def by_numpy(model: nn.Module) -> None:
    model[0].weight.detach().numpy()[4, 2, 1, 1] += 1


def swapped(model: nn.Module) -> None:
    model[2].weight.data = model[2].weight.data[torch.arange(400, -1, -1)]


def last_bit(model: nn.Module) -> None:
    model[2].weight.data.view(torch.int32)[-1, -1] += 1


def of_a_buffer(model: nn.Module) -> None:
    model[1].running_mean.data[4] = -0.0


CHANGES = (by_data, exchanged, by_numpy, swapped, last_bit, of_a_buffer)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changes_past_the_version_counters(change: Callable[[nn.Module], None]) -> None:
    model = network()
    state, before = state_of(model), digest_of(model)
    assert digest_of(model) == before
    change(model)
    assert digest_of(model) != before
    assert state_of(model) == state  # which is why there is a digest


def test_equal_values_have_equal_digests() -> None:
    assert digest_of(network()) == digest_of(network())
    assert digest_of(network().to(memory_format=torch.channels_last)) == digest_of(network())


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.float16, torch.complex64])
def test_tensors_of_any_type_and_place(dtype: torch.dtype) -> None:
    module = nn.Module()
    for size in (0, 1, 7, 2**17 + 3):
        module.register_buffer(f"b{size}", torch.ones(size + 1).to(dtype)[1:])
    before = digest_of(module)
    getattr(module, f"b{2**17 + 3}")[-1] = 0
    assert digest_of(module) != before
