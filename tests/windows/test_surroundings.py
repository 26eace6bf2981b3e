"""What a caller has set around `slide` and its calls changes no numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

import onebyone as ob
from helpers.modules import settle
from helpers.oracle import assert_equal_crops

WINDOW, STRIDE = (2, 12, 12), 3
X = torch.randn(1, 2, 33, 21, dtype=torch.float64)
IN_PARTS = 20000  # bytes: the last part repeats windows, which takes a table


class Tabled(nn.Module):
    """Its plan has tables, of what averages are taken over, and its graph a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 3, 3, padding=1), nn.Linear(3, 4)
        self.pool = nn.AvgPool2d(3, 2, padding=1, count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x * torch.tensor([1.0, 2.0], dtype=x.dtype, device=x.device).view(-1, 1, 1)
        return self.head(self.pool(torch.relu(self.conv(x))).mean((2, 3)))


def network() -> nn.Module:
    return settle(Tabled(), 0).double()


@contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SURROUNDINGS = {
    "device": lambda: default_device("meta"),
    "context": lambda: torch.device("meta"),
    "dtype": lambda: default_dtype(torch.float16),
    "inference": torch.inference_mode,
}


@pytest.mark.parametrize("memory", [None, IN_PARTS])
@pytest.mark.parametrize("around", SURROUNDINGS)
def test_settings_of_pytorch(around: str, memory: int | None) -> None:
    model = network()
    with SURROUNDINGS[around](), torch.no_grad():
        sliding = ob.slide(model, WINDOW, STRIDE, mean=[0.0, 0.0], std=1.0, memory=memory)
        scores = sliding(X)
        assert sliding.deviation(X).relative < 1e-9
    assert_equal_crops(scores, model, X, WINDOW, STRIDE)


@pytest.mark.parametrize("memory", [None, IN_PARTS])
def test_what_was_made_in_inference_mode_gives_gradients_later(memory: int | None) -> None:
    model = network()
    with torch.inference_mode():
        sliding = ob.slide(model, WINDOW, STRIDE, mean=[0.0, 0.0], std=1.0, memory=memory)
        wanted = sliding(X)
    x = X.clone().requires_grad_()
    scores = sliding(x)
    scores.sum().backward()
    assert torch.equal(scores, wanted)
    assert x.grad is not None
    assert sliding.model.conv.weight.grad is not None


def test_a_network_of_another_device_has_its_tables_there() -> None:
    sliding = ob.slide(network().to("meta"), WINDOW, STRIDE, memory=IN_PARTS)
    with torch.no_grad():
        assert sliding(X.to("meta")).shape == (1, 4, 8, 4)
    assert {table.device.type for table in sliding.plan(33, 21).module.buffers()} == {"meta"}


@torch.no_grad()
def test_images_mapped_by_vmap() -> None:
    model, images = network(), torch.stack([X, 2 * X])
    sliding = ob.slide(model, WINDOW, STRIDE)
    assert_equal_crops(torch.vmap(sliding)(images)[:, 0], model, images[:, 0], WINDOW, STRIDE)


def test_a_network_made_in_inference_mode_is_captured() -> None:
    with torch.inference_mode():
        model = network()
    sliding = ob.slide(model, WINDOW, STRIDE)
    assert sliding.report(33, 21).ratio > 1
    with torch.inference_mode():
        assert_equal_crops(sliding(X), model, X, WINDOW, STRIDE)
