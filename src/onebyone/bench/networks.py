"""The networks of the benchmark that no other part of onebyone has; their weights are random."""

from collections.abc import Sequence

import torch
from torch import nn

from onebyone.models.packages import torchvision_models


def n4() -> nn.Module:
    """The network N4 for a window of 95×95 in one channel, with no padding.

    Source: Giusti, Cireşan, Masci, Gambardella and Schmidhuber, arXiv:1302.1700, after Cireşan et
    al., Deep neural networks segment neuronal membranes, 2012.
    """
    layers: list[nn.Module] = []
    channels = 1
    for kernel in (4, 5, 4, 4):
        layers += [nn.Conv2d(channels, 48, kernel), nn.Tanh(), nn.MaxPool2d(2)]
        channels = 48
    head = [nn.Flatten(), nn.Linear(48 * 3 * 3, 200), nn.Tanh(), nn.Linear(200, 2)]
    return nn.Sequential(*layers, *head).eval()


def small_padded() -> nn.Module:
    """3×3 convolutions with padding 1, 16-16-M-32-32-M-64-64-M maps, for a window of 64×64."""
    return nn.Sequential(*_stages(2, 3, (16, 32, 64)), nn.Linear(64 * 8 * 8, 10)).eval()


def signal() -> nn.Module:
    """A network of one axis: padded convolutions 32-M-64-M-128-M, for a window of 1,024."""
    layers = _stages(1, 2, (32, 64, 128), depth=1)
    return nn.Sequential(*layers, nn.Linear(128 * 128, 10)).eval()


def volume() -> nn.Module:
    """A network of three axes: padded convolutions 8-M-16-M, for a window of 16×16×16."""
    return nn.Sequential(*_stages(3, 1, (8, 16), depth=1), nn.Linear(16 * 64, 4)).eval()


def _stages(rank: int, channels: int, widths: Sequence[int], depth: int = 2) -> list[nn.Module]:
    """Stages of padded convolutions of 3 with ReLU, each ending in max pooling; then flattened."""
    convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1]
    pooling = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[rank - 1]
    layers: list[nn.Module] = []
    for width in widths:
        for _ in range(depth):
            layers += [convolution(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(pooling(2))
    return [*layers, nn.Flatten()]


def torchvision_network(name: str) -> nn.Module:
    """One of torchvision's networks, weights random."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: nn.Module = torchvision_models().get_model(name, weights=None)
    return network.eval()
