"""torchvision's classification networks on a CPU build of torch, nothing downloaded."""

import re
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from onebyone.models.packages import torchvision_models

models = torchvision_models()


@dataclass(frozen=True)
class Family:
    """Builders of one kind of network, and how its smallest member is tested.

    Attributes:
        name: the family's name.
        pattern: what the names of its builders match, wholly.
        smallest: the builder that stands for the family.
        window: side of the square window, pixels; reduced where the network allows it.
        grid: windows along each axis in the test.
        options: what the builder needs beside `weights=None`.
    """

    name: str
    pattern: str
    smallest: str
    window: int = 64
    grid: tuple[int, int] = (2, 2)
    options: dict[str, Any] = field(default_factory=dict)

    def builders(self) -> list[str]:
        """The names of torchvision's builders in this family."""
        return [name for name in builders() if re.fullmatch(self.pattern, name)]

    def build(self, window: int | None = None) -> nn.Module:
        """The smallest member for a window of this side (default: the test's), weights random."""
        side = window or self.window
        return enliven(self.as_built(side), (3, side, side))

    def as_built(self, window: int | None = None) -> nn.Module:
        """The same with the weights that it is built with, for its structure alone."""
        options = dict(self.options)
        if self.name == "vit":
            options["image_size"] = window or self.window
        model: nn.Module = models.get_model(self.smallest, weights=None, **options)
        return model.eval()


# Their own initialisation draws through SciPy for minutes; `enliven` replaces it.
QUICK = {"init_weights": False}

FAMILIES = (
    # Its 6x6 grid of features, and VGG's 7x7, are what a window of 224 gives.
    Family("alexnet", "alexnet", "alexnet", 224),
    Family("convnext", "convnext_.*", "convnext_tiny"),
    Family("densenet", "densenet.*", "densenet121"),
    Family("efficientnet", r"efficientnet_b\d", "efficientnet_b0"),
    Family("efficientnetv2", "efficientnet_v2_.*", "efficientnet_v2_s"),
    Family("googlenet", "googlenet", "googlenet", options=QUICK),
    Family("inception_v3", "inception_v3", "inception_v3", 107, options=QUICK),
    Family("maxvit", "maxvit_t", "maxvit_t", 224, (1, 2)),
    Family("mnasnet", "mnasnet.*", "mnasnet0_5"),
    Family("mobilenetv2", "mobilenet_v2", "mobilenet_v2"),
    Family("mobilenetv3", "mobilenet_v3_.*", "mobilenet_v3_small"),
    Family("regnet_x", "regnet_x_.*", "regnet_x_400mf"),
    Family("regnet_y", "regnet_y_.*", "regnet_y_400mf"),
    Family("resnet", r"resnet\d+", "resnet18", 96),
    Family("resnext", "resnext.*", "resnext50_32x4d"),
    Family("shufflenet", "shufflenet_.*", "shufflenet_v2_x0_5"),
    Family("squeezenet", "squeezenet.*", "squeezenet1_1"),
    Family("swin", "swin_[tsb]", "swin_t"),
    Family("swin_v2", "swin_v2_.*", "swin_v2_t"),
    Family("vgg", r"vgg\d+", "vgg11", 224, (1, 2)),
    Family("vgg_bn", r"vgg\d+_bn", "vgg11_bn", 224, (1, 2)),
    Family("vit", "vit_.*", "vit_b_16"),
    Family("wide_resnet", "wide_resnet.*", "wide_resnet50_2"),
)
_UNLIKE = (
    "convnext", "densenet", "efficientnet", "googlenet", "maxvit", "mobilenetv3", "resnet",
    "shufflenet", "swin_v2", "vit",
)  # fmt: skip
DISTINCT = tuple(family for family in FAMILIES if family.name in _UNLIKE)
"""One family of each build: the others are made of the same operators in the same ways."""


def builders() -> list[str]:
    """The names of all of torchvision's classification builders."""
    return models.list_models(module=models)


def enliven(model: nn.Module, window: tuple[int, ...], seed: int = 0) -> nn.Module:
    """Random weights under which the outputs tell windows apart, as a trained network's do.

    As built, some networks give nearly the same output for every input: heads of zeros, layer
    scales of 10^-6, BatchNorm statistics that fit no data. Weights are drawn with He's variance,
    everything else near its usual value, and BatchNorm takes the statistics of random crops.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: torch.Tensor, mean: float, std: float) -> None:
        tensor.normal_(mean, std, generator=generator)

    with torch.no_grad():
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if isinstance(module, nn.Conv2d | nn.Linear) and name == "weight":
                    normal(parameter, 0.0, (2 / parameter[0].numel()) ** 0.5)
                elif name == "weight":
                    normal(parameter, 1.0, 0.1)
                elif name == "layer_scale":
                    normal(parameter, 0.5, 0.1)
                elif name not in {"logit_scale", "temperature"}:
                    normal(parameter, 0.0, 0.1)
        calibrate(model.eval(), torch.randn(8, *window, generator=generator))
    return model


def calibrate(model: nn.Module, crops: torch.Tensor) -> None:
    """Give every BatchNorm the mean and variance it sees on `crops`."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    if not norms:
        return
    kept: list[tuple[nn.BatchNorm2d, float | None]] = [(norm, norm.momentum) for norm in norms]
    for norm in norms:
        norm.train().momentum = 1.0
    model(crops)
    for norm, momentum in kept:
        norm.eval().momentum = momentum
