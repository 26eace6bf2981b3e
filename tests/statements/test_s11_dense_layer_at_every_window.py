"""S11: an FC layer as a convolution over a larger image is that FC layer at every window."""

import torch
from torch import Tensor, nn

from onebyone.layers import convert

WINDOW, SIZE = 5, 9


def every_crop(network: nn.Module, x: Tensor) -> Tensor:
    crops = x.unfold(2, WINDOW, 1).unfold(3, WINDOW, 1).permute(0, 2, 3, 1, 4, 5)
    y = network(crops.flatten(0, 2))
    return y.unflatten(0, crops.shape[:3]).permute(0, 3, 1, 2)


def classifier(padding: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Return a network for one window, and the same made fully convolutional."""
    conv = nn.Conv2d(2, 3, 3, padding=padding)
    side = WINDOW - 2 + 2 * padding
    dense = nn.Linear(3 * side**2, 4)
    window = convert(dense, "convolution", (3, side, side))
    return nn.Sequential(conv, nn.ReLU(), nn.Flatten(), dense), nn.Sequential(
        conv, nn.ReLU(), window
    )


def test_s11_dense_layer_at_every_window():
    dense = nn.Linear(2 * WINDOW**2, 4)
    conv = convert(dense, "convolution", (2, WINDOW, WINDOW))
    x = torch.randn(3, 2, SIZE, SIZE)
    torch.testing.assert_close(conv(x), every_crop(nn.Sequential(nn.Flatten(), dense), x))


def test_s11_holds_for_a_network_without_padding():
    network, convolutional = classifier(padding=0)
    x = torch.randn(1, 2, SIZE, SIZE)
    torch.testing.assert_close(convolutional(x), every_crop(network, x))


def test_s11_fails_with_zero_padding_inside():
    network, convolutional = classifier(padding=1)
    x = torch.randn(1, 2, SIZE, SIZE)
    crops, slid = every_crop(network, x), convolutional(x)
    assert crops.shape == slid.shape
    assert not torch.isclose(crops, slid, atol=1e-4).all(1).any()
