"""Batch normalisation while a network trains, folded into its convolutions afterwards."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class _Normalised(nn.Module):
    """A convolution and its batch normalisation."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.normalisation = nn.BatchNorm2d(convolution.out_channels)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B O h w"]:
        normalised: Tensor = self.normalisation(self.convolution(x))
        return normalised

    def folded(self) -> nn.Conv2d:
        """Give the one convolution that equals the two in evaluation."""
        return fuse_conv_bn_eval(self.convolution, self.normalisation)


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
            setattr(module, name, child.eval().folded())
        else:
            fold(child)
