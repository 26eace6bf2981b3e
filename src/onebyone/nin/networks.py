"""Network in Network (Lin, Chen and Yan, 2013): layers that slide small networks."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn


class CrossChannelPooling(nn.Sequential):
    """A 1×1 convolution and a ReLU: one fully connected layer shared by all positions (S2).

    Takes [B, in_channels, H, W] and gives [B, out_channels, H, W].

    Source: cascaded cross channel parametric pooling, arXiv:1312.4400, section 3.1.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.Conv2d(in_channels, out_channels, kernel_size=1), nn.ReLU())


class MLPConv(nn.Sequential):
    """A convolution whose filter is a small multilayer perceptron: convolution, ReLU, then 1×1s.

    Takes [B, in_channels, H, W] and gives [B, widths[-1], H', W'], where H' and W' are those of
    the k×k convolution.

    Args:
        in_channels: Channels of the input.
        widths: Channels after the k×k convolution and after each 1×1 layer.
        kernel: Side of the convolution, in pixels.
        padding: Zeros on each side, in pixels.

    Source: arXiv:1312.4400, equation 2.
    """

    def __init__(
        self, in_channels: int, widths: Sequence[int], kernel: int, padding: int = 0
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, widths[0], kernel, padding=padding),
            nn.ReLU(),
            *(CrossChannelPooling(before, after) for before, after in pairwise(widths)),
        )


class Block(NamedTuple):
    """The figures of one mlpconv layer: kernel side and padding in pixels, channels by layer."""

    kernel: int
    padding: int
    widths: tuple[int, ...]


class NetworkInNetwork(nn.Module):
    """Mlpconv blocks with max pooling and dropout between them, then global average pooling.

    Takes images [B, in_channels, H, W] and gives scores [B, classes], classes being the last
    width of the last block. Scores are not negative: the last layer ends in a ReLU, as published.

    Args:
        in_channels: Channels of the image.
        blocks: The mlpconv layers in order.
        pool: The pooling between blocks.
        dropout: Probability of dropping a value after each pooling, in training.

    Source: arXiv:1312.4400, figure 2.
    """

    def __init__(
        self, in_channels: int, blocks: Sequence[Block], pool: nn.MaxPool2d, dropout: float = 0.5
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, block in enumerate(blocks):
            if index > 0:
                layers += [pool, nn.Dropout(dropout)]
            layers.append(MLPConv(in_channels, block.widths, block.kernel, block.padding))
            in_channels = block.widths[-1]
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.apply(_initialise)

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Score each image for each class."""
        scores: Tensor = self.pool(self.features(images)).flatten(1)
        return scores


def _initialise(module: nn.Module) -> None:
    # The published Gaussian of 0.05 can stall at chance; He's keeps the variance through ReLUs.
    if isinstance(module, nn.Conv2d) and module.bias is not None:
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


def mnist(classes: int = 10, dropout: float = 0.5) -> NetworkInNetwork:
    """Build the published network for MNIST, [B, 1, 28, 28] to [B, classes].

    With ten classes it has 349,674 parameters. Pooling is in ceil mode: 28, 14, 7 pixels a side.

    Source: arXiv:1312.4400 and its authors' definition files.
    """
    blocks = (
        Block(5, 2, (96, 64, 48)),
        Block(5, 2, (128, 96, 48)),
        Block(5, 2, (128, 96, classes)),
    )
    return NetworkInNetwork(1, blocks, nn.MaxPool2d(3, stride=2, ceil_mode=True), dropout)


DROPOUT = 0.2
"""In `digits`, which sees each digit warped anew every time and needs less than the published."""


def digits(*, padded: bool = False) -> NetworkInNetwork:
    """Build a network for a window of 28×28 pixels: ten digits and, as class 10, background.

    Takes [B, 1, 28, 28], ink 1 on ground 0, and gives [B, 11]; its total stride is 4 pixels.

    Args:
        padded: False: no zero padding anywhere, so that overlapping windows share all their
            work (28, 24, 12, 8, 4, 2 pixels a side; pooling is 2×2 so that nothing is left
            over). True: the published padding and pooling of `mnist`.
    """
    if padded:
        return mnist(classes=11, dropout=DROPOUT)
    blocks = (
        Block(5, 0, (96, 64, 48)),
        Block(5, 0, (128, 96, 48)),
        Block(3, 0, (128, 96, 11)),
    )
    return NetworkInNetwork(1, blocks, nn.MaxPool2d(2), DROPOUT)
