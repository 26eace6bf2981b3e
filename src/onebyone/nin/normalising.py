"""Batch normalisation while a network trains, folded into its convolutions afterwards."""

from collections import OrderedDict

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class _Normalised(nn.Sequential):
    """A convolution and its batch normalisation."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        normalisation = nn.BatchNorm2d(convolution.out_channels)
        super().__init__(OrderedDict(convolution=convolution, normalisation=normalisation))


def normalise(module: nn.Module) -> None:
    """Put a batch normalisation after every convolution inside a module."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            setattr(module, name, _Normalised(child))
        else:
            normalise(child)


def fold(module: nn.Module) -> None:
    """Undo `normalise`, taking each normalisation's scale and shift into its convolution."""
    for name, child in list(module.named_children()):
        if isinstance(child, _Normalised):
            setattr(module, name, fuse_conv_bn_eval(*child.eval()))
        else:
            fold(child)
