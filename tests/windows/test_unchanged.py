"""A network that is changed after `slide` gives the numbers of its crops, or says what to do."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

import onebyone as ob
from helpers.modules import settle
from helpers.oracle import assert_equal_crops
from onebyone.errors import InputError, NotExact

WINDOW, STRIDE = (2, 12, 12), 3
X = torch.randn(1, 2, 21, 18, dtype=torch.float64)


def network() -> nn.Module:
    layers = [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return settle(nn.Sequential(*layers, nn.Linear(144, 3)), 0).double()


def same_layer(model: nn.Module) -> None:
    model[4] = nn.Linear(144, 3).double().eval()


def hooked(model: nn.Module) -> None:
    model[0].register_forward_hook(lambda _module, _inputs, output: 2 * output)


def hooked_before(model: nn.Module) -> None:
    model[4].register_forward_pre_hook(lambda _module, inputs: (2 * inputs[0],))


def without_parameters(model: nn.Module) -> None:
    model[1] = nn.Tanh().eval()


def other_shape(model: nn.Module) -> None:
    model[4] = nn.Linear(144, 5).double().eval()


def without_bias(model: nn.Module) -> None:
    model[4].bias = None


@pytest.mark.parametrize(
    ("change", "backend"),
    [
        (hooked, "torch"),
        (hooked_before, "torch"),
        (without_parameters, "torch"),
        (hooked, "onnxruntime"),
    ],
)
@torch.no_grad()
def test_another_computation_is_noticed(change: Callable[[nn.Module], None], backend: str) -> None:
    model = network().float()
    sliding = ob.slide(model, WINDOW, STRIDE, backend=backend)
    sliding(X.float())
    change(model)
    with pytest.raises(NotExact, match="make a new sliding model"):
        sliding(X.float())


@torch.no_grad()
def test_another_layer_of_the_same_shape_is_seen() -> None:
    model = network()
    sliding = ob.slide(model, WINDOW, STRIDE)
    sliding(X)
    same_layer(model)
    assert_equal_crops(sliding(X), model, X, WINDOW, STRIDE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_shape, r"4\.weight was of shape \(3, 144\) and is now \(5, 144\)"),
        (without_bias, r"4\.bias was of shape \(3,\) and is now gone"),
    ],
)
@torch.no_grad()
def test_tensors_that_the_graph_cannot_read_are_refused(
    change: Callable[[nn.Module], None], said: str
) -> None:
    model = network()
    sliding = ob.slide(model, WINDOW, STRIDE, verify=0)
    sliding(X)
    change(model)
    with pytest.raises(InputError, match=rf"model has changed since slide: {said}; make a new"):
        sliding(X)


@torch.no_grad()
def test_parametrized_weights() -> None:
    model = network()
    parametrizations.weight_norm(model[0])
    sliding = ob.slide(model.eval(), WINDOW, STRIDE)
    assert_equal_crops(sliding(X), model, X, WINDOW, STRIDE)
    model[0].parametrizations.weight.original0.mul_(3)
    assert_equal_crops(sliding(X), model, X, WINDOW, STRIDE)
    parametrize.remove_parametrizations(model[0], "weight")
    with pytest.raises(InputError, match=r"original[01] .* is now gone"):
        sliding(X)
