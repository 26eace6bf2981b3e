"""The forms of an mlpconv layer: one set of weights, equal outputs, equal training (S2, S12)."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from onebyone import nin
from onebyone.errors import InputError

OTHERS = ("linear", "per_location")


def in_form(form: str, like: nn.Module | None = None) -> nn.Module:
    layer = nin.MLPConv(2, (5, 4, 3), kernel=3, padding=1, stride=2, form=form).double()
    if like is not None:
        layer.load_state_dict(like.state_dict())
    return layer


@pytest.mark.parametrize("form", OTHERS)
def test_forms_are_equal_and_stay_equal_under_training(form: str) -> None:
    convolution = in_form("convolution")
    other = in_form(form, like=convolution)
    images = torch.randn(4, 2, 7, 6, dtype=torch.float64)
    goal = torch.randn(4, 3, 4, 3, dtype=torch.float64)
    start = convolution(images).detach()
    layers = [convolution, other]
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1, momentum=0.9) for m in layers]
    for _ in range(10):
        for layer, optimizer in zip(layers, optimizers, strict=True):
            optimizer.zero_grad()
            functional.mse_loss(layer(images), goal).backward()
            optimizer.step()
        torch.testing.assert_close(other(images), convolution(images), rtol=0, atol=1e-13)
        for a, b in zip(convolution.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(b.grad, a.grad, rtol=0, atol=1e-13)
            torch.testing.assert_close(b, a, rtol=0, atol=1e-13)
    assert (convolution(images) - start).abs().max() > 0.01


def test_forms_are_computed_differently() -> None:
    images = torch.randn(1, 2, 7, 6, dtype=torch.float64, requires_grad=True)
    nodes = {form: operations(in_form(form)(images)) for form in nin.FORMS}
    assert "ConvolutionBackward0" in nodes["convolution"]
    for form in OTHERS:
        assert "ConvolutionBackward0" not in nodes[form]
    assert "BmmBackward0" in nodes["per_location"]
    assert "BmmBackward0" not in nodes["linear"]


def operations(y: torch.Tensor) -> set[str]:
    """Names of the operations that y was computed by, from autograd's graph."""
    found, waiting = set(), [y.grad_fn]
    while waiting:
        node = waiting.pop()
        found.add(node.name())
        waiting += [before for before, _ in node.next_functions if before is not None]
    return found


@pytest.mark.parametrize("form", OTHERS)
def test_forms_have_parameters_of_the_same_shapes(form: str) -> None:
    shapes = [p.shape for p in in_form("convolution").parameters()]
    assert [p.shape for p in in_form(form).parameters()] == shapes


def test_unshared_layers_drift_apart_under_training() -> None:
    """What the forms must not be confused with: S12's separate layers."""
    from onebyone import convert, equal

    conv, grid = nn.Conv2d(2, 3, 1), (2, 3, 3)
    local = convert(conv, "local", grid)
    for layer in (conv, local):
        (layer(torch.ones(2, *grid)) ** 2).sum().backward()
        torch.optim.SGD(layer.parameters(), lr=0.1).step()
    assert not equal(conv, local, grid, tol=1e-3)


def test_unknown_form_is_refused() -> None:
    with pytest.raises(InputError, match=r"form = 'dense': give one of convolution, linear"):
        nin.CrossChannelPooling(2, 3, form="dense")


def test_mlpconv_is_the_perceptron_of_its_layers_at_every_position() -> None:
    layer = nin.MLPConv(2, (5, 4, 3), kernel=3, padding=1).double()
    x = torch.randn(1, 2, 6, 7, dtype=torch.float64)
    patch = x[:, :, 1:4, 2:5].flatten(1)
    for convolution in (m for m in layer.modules() if isinstance(m, nn.Conv2d)):
        weight = convolution.weight.flatten(1)
        patch = (patch @ weight.T + convolution.bias).relu()
    y = layer(x)
    assert y.shape == (1, 3, 6, 7)
    torch.testing.assert_close(y[:, :, 2, 3], patch, rtol=0, atol=1e-14)
