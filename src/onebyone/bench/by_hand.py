"""The fully convolutional network, converted by hand as people do it; not equal to crops."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.layers import convert

AVERAGE = {3: nn.AvgPool1d, 4: nn.AvgPool2d, 5: nn.AvgPool3d}
ADAPTIVE = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)


def fully_convolutional(model: nn.Module, window: tuple[int, ...]) -> nn.Module:
    """Make a classifier's head convolutional, so that it takes images of any size.

    Inside the network padding now lies at the border of the image, so a padded network gives
    other numbers than on crops.

    Args:
        model: convolutions, then a head of poolings and fully connected layers.
        window: (C, *space).

    Raises:
        InputError: the model is built otherwise.
    """
    features, head = _parts(model)
    layers: list[nn.Module] = [features]
    with torch.no_grad():
        x = features(torch.zeros(1, *window))
        for layer in head:
            for converted in _converted(layer, x):
                x = converted(x)
                layers.append(converted)
    return nn.Sequential(*layers).eval()


def _parts(model: nn.Module) -> tuple[nn.Module, list[nn.Module]]:
    """The layers that keep a map, and those behind them."""
    children = dict(model.named_children())
    if isinstance(model, nn.Sequential):
        layers = list(model)
        first = next((i for i, m in enumerate(layers) if isinstance(m, nn.Flatten)), len(layers))
        return nn.Sequential(*layers[:first]), layers[first:]
    if {"features", "avgpool", "classifier"} <= children.keys():  # VGG, AlexNet
        return children["features"], [children["avgpool"], *children["classifier"].children()]
    if {"layer4", "avgpool", "fc"} <= children.keys():  # ResNet
        *body, pooling, dense = children.values()
        return nn.Sequential(*body), [pooling, dense]
    if children.keys() == {"features", "pool"}:  # Network in Network
        return children["features"], [children["pool"]]
    raise InputError(f"{type(model).__name__} is not converted by hand here")


def _converted(layer: nn.Module, x: Tensor) -> Iterator[nn.Module]:
    """What a layer of the head becomes, given what it is fed by one window."""
    if isinstance(layer, nn.Linear):
        yield convert(layer, "convolution", tuple(x.shape[1:]))
    elif isinstance(layer, ADAPTIVE):
        if layer(x).shape != x.shape:  # else one window has just as many positions
            if layer(x).shape[2:].numel() > 1:
                raise InputError(f"a pooling to {layer.output_size} is not converted by hand here")
            yield AVERAGE[x.ndim](tuple(x.shape[2:]), stride=1)
    elif not isinstance(layer, nn.Flatten | nn.Dropout):
        yield layer
