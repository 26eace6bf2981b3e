import pytest
import torch
from torch import nn

from onebyone import nin


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_published_mnist_network_has_the_published_parameters() -> None:
    assert count(nin.mnist()) == 349_674


@pytest.mark.parametrize(("padded", "parameters"), [(False, 251_467), (True, 349_771)])
def test_digit_networks_have_the_stated_parameters(padded: bool, parameters: int) -> None:
    assert count(nin.digits(padded=padded)) == parameters


def test_unpadded_network_pads_nowhere_and_leaves_no_pixel_over() -> None:
    model = nin.digits()
    windowed = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d)]
    assert {m.padding for m in windowed} == {0, (0, 0)}
    assert not any(m.ceil_mode for m in windowed if isinstance(m, nn.MaxPool2d))
    assert sides(model) == [24, 12, 12, 8, 4, 4, 2]


def test_published_padding_and_ceil_mode_keep_28_14_7() -> None:
    assert sides(nin.mnist()) == [28, 14, 14, 14, 7, 7, 7]


def sides(model: nin.NetworkInNetwork) -> list[int]:
    x = torch.zeros(1, 1, 28, 28)
    found = []
    for layer in model.features:
        x = layer(x)
        found.append(x.shape[-1])
    return found


@pytest.mark.parametrize("padded", [False, True])
def test_scores_are_eleven_and_not_negative(padded: bool) -> None:
    scores = nin.digits(padded=padded).eval()(torch.rand(3, 1, 28, 28))
    assert scores.shape == (3, 11)
    assert (scores >= 0).all()
    assert (scores > 0).any()


def test_mlpconv_is_the_perceptron_of_its_layers_at_every_position() -> None:
    torch.manual_seed(0)
    layer = nin.MLPConv(2, (5, 4, 3), kernel=3, padding=1).double()
    x = torch.randn(1, 2, 6, 7, dtype=torch.float64)
    patch = x[:, :, 1:4, 2:5].flatten(1)
    for convolution in (m for m in layer.modules() if isinstance(m, nn.Conv2d)):
        weight = convolution.weight.flatten(1)
        patch = (patch @ weight.T + convolution.bias).relu()
    y = layer(x)
    assert y.shape == (1, 3, 6, 7)
    torch.testing.assert_close(y[:, :, 2, 3], patch, rtol=0, atol=1e-14)
