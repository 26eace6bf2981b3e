"""Fewer threads give the bits of all of them."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import handle_torch_function, has_torch_function

from onebyone.windows.same_bits import FewerThreads

pytestmark = pytest.mark.usefixtures("two_threads")


# Shapes that oneDNN and PyTorch divide in other ways on one thread than on two, on some machines.
@pytest.mark.parametrize("channels", [(96, 11), (240, 40), (480, 80)])
@pytest.mark.parametrize("size", [(3, 123), (15, 25), (17, 27)])
def test_convolutions_and_sums(channels: tuple[int, int], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x, w = torch.randn(1, channels[0], *size), torch.randn(*channels[::-1], 1, 1)
    x = x.contiguous(memory_format=torch.channels_last)

    def run() -> list[Tensor]:
        y = functional.relu(torch.conv2d(x, w))
        return [y, y.sum(), y.mean((2, 3)), y.flatten(1) @ y.flatten(1).T]

    expected = run()
    with FewerThreads(1, {}):
        found = run()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def by_threads(x: Tensor, count: int = 1) -> Tensor:
    """Other bits on other numbers of threads."""
    if has_torch_function((x,)):
        y: Tensor = handle_torch_function(by_threads, (x,), x, count=count)
        return y
    return x * torch.get_num_threads() * count


def test_what_depends_on_threads_keeps_all() -> None:
    x = torch.ones(3)
    known: dict[Any, bool] = {}
    with FewerThreads(1, known):
        assert torch.get_num_threads() == 1
        for _ in range(2):
            assert by_threads(x, count=5).tolist() == [10] * 3
            assert torch.relu_(x).tolist() == [1] * 3
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    assert [function for (function, *_), depends in known.items() if depends] == [by_threads]


def test_nothing_else_is_tried_nor_drawn() -> None:
    state = torch.get_rng_state()
    known: dict[Any, bool] = {}
    x = torch.randn(2, 3)
    with FewerThreads(1, known):
        torch.narrow(x, 1, 0, 2)
        torch.ops.aten.add.Tensor(x, x)
        torch.tensor([1, 2])
    assert not known
    torch.set_rng_state(state)
    with FewerThreads(1, {}):
        nn.functional.linear(x, torch.ones(4, 3))
    assert torch.equal(torch.get_rng_state(), state)


def test_threads_are_as_before_after_an_error() -> None:
    with pytest.raises(KeyboardInterrupt), FewerThreads(1, {}):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2
