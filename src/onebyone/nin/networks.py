"""The networks of Network in Network (Lin, Chen and Yan, 2013), as a table and built from it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.nin.layers import MLPConv


def by(size: Sequence[int]) -> str:
    """Write a size as 3×32×32."""
    return "×".join(map(str, size))


class Block(NamedTuple):
    """The figures of one mlpconv layer, in pixels and channels: kernel, padding, widths, stride."""

    kernel: int
    padding: int
    widths: tuple[int, ...]
    stride: int = 1


class Pool(NamedTuple):
    """A pooling with stride 2: the side of its window in pixels, and whether it rounds sizes up."""

    kernel: int = 3
    ceil: bool = True

    def positions(self, size: int) -> int:
        """Give the number of outputs along an axis of `size` inputs."""
        rounded_up = 1 if self.ceil else 0
        return (size - self.kernel + rounded_up) // 2 + 1

    def build(self, kind: str) -> nn.Module:
        """Make the module; `kind` is "max" or "average"."""
        return POOLS[kind](self.kernel, stride=2, ceil_mode=self.ceil)


POOLS: dict[str, type[nn.MaxPool2d | nn.AvgPool2d]] = {
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
}


class Architecture(NamedTuple):
    """A network as data: all that decides what its weights compute.

    Attributes:
        input: Channels, height and width of its images.
        blocks: Its mlpconv layers; a pooling follows each but the last.
        pool: The pooling between blocks.
        drops: Numbers of the poolings, from 1, that dropout follows.
        pool_2: The second pooling: "max", as in the authors' code, or "average", as in the
            Caffe model zoo's copy.
        head: "gap", the published global average pooling, or "fully_connected", one fully
            connected layer on the last maps, which takes images of one size only.
    """

    input: tuple[int, int, int]
    blocks: tuple[Block, ...]
    pool: Pool = Pool()
    drops: tuple[int, ...] = (1, 2)
    pool_2: str = "max"
    head: str = "gap"

    def __str__(self) -> str:
        blocks = ", ".join(
            f"{block.kernel}/{block.padding} {'-'.join(map(str, block.widths))}"
            + (f" stride {block.stride}" if block.stride > 1 else "")
            for block in self.blocks
        )
        pool = f"pool {self.pool.kernel} {'up' if self.pool.ceil else 'down'} {self.pool_2}"
        return f"{by(self.input)}: {blocks}; {pool}; dropout after {self.drops}; {self.head}"

    @property
    def classes(self) -> int:
        """How many classes it tells apart: the last width."""
        return self.blocks[-1].widths[-1]

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the class confidence maps; not positive where the image is small."""
        height, width = (self._positions(size) for size in self.input[1:])
        return height, width

    def _positions(self, size: int) -> int:
        for number, block in enumerate(self.blocks):
            if number > 0:
                size = self.pool.positions(size)
            size = (size + 2 * block.padding - block.kernel) // block.stride + 1
        return size

    def adapted(self, input: tuple[int, int, int], classes: int) -> "Architecture":
        """Give the same network for other images and classes."""
        *before, last = self.blocks
        widths = (*last.widths[:-1], classes)
        return self._replace(input=input, blocks=(*before, last._replace(widths=widths)))


_CIFAR = (Block(5, 2, (192, 160, 96)), Block(5, 2, (192, 192, 192)))

ARCHITECTURES = {
    "cifar10": Architecture((3, 32, 32), (*_CIFAR, Block(3, 1, (192, 192, 10)))),
    "cifar100": Architecture((3, 32, 32), (*_CIFAR, Block(3, 1, (192, 192, 100)))),
    "svhn": Architecture(
        (3, 32, 32),
        (Block(5, 2, (128, 96, 64)), Block(5, 2, (320, 256, 128)), Block(5, 2, (384, 256, 10))),
    ),
    "mnist": Architecture(
        (1, 28, 28),
        (Block(5, 2, (96, 64, 48)), Block(5, 2, (128, 96, 48)), Block(5, 2, (128, 96, 10))),
    ),
    "imagenet": Architecture(
        (3, 224, 224),
        (
            Block(11, 0, (96, 96, 96), stride=4),
            Block(5, 2, (256, 256, 256)),
            Block(3, 1, (384, 384, 384)),
            Block(3, 1, (1024, 1024, 1000)),
        ),
        drops=(3,),
    ),
    "digits": Architecture(
        (1, 28, 28),
        (Block(5, 0, (96, 64, 48)), Block(5, 0, (128, 96, 48)), Block(3, 0, (128, 96, 11))),
        pool=Pool(2, ceil=False),
    ),
    "faces": Architecture(
        (1, 25, 25),
        (Block(4, 0, (32, 24, 16)), Block(4, 0, (48, 32, 16)), Block(3, 0, (48, 32, 2))),
        pool=Pool(2, ceil=False),
    ),
}
"""The five published networks, and two without padding for windows of larger images."""

HEADS = ("gap", "fully_connected")
INITIALISATIONS = ("he", "published")


class NetworkInNetwork(nn.Module):
    """Mlpconv blocks with pooling and dropout between them, then global average pooling.

    Takes images [B, C, H, W] and gives scores [B, classes]. Scores of the average are not
    negative: the last layer ends in a ReLU, as published.

    Args:
        architecture: Its figures.
        dropout: Probability of dropping a value after the poolings that the architecture names.
        head_dropout: Probability of dropping a value before a fully connected head.
        initialisation: "he" keeps the variance through ReLUs; "published", a Gaussian of
            deviation 0.05, can stall at chance.
        form: How the layers are computed, see `MLPConv`.

    `class_names` are numbers until they are set; `prepare` may be set to a module that images go
    through first, such as `Whitening`.

    Raises:
        InputError: An option has no such value, or nothing is left of so small an image.

    Source: arXiv:1312.4400, figure 2, and section 4.6 for the fully connected head.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        dropout: float = 0.5,
        head_dropout: float = 0.5,
        initialisation: str = "he",
        form: str = "convolution",
    ) -> None:
        super().__init__()
        _check_choice("head", architecture.head, HEADS)
        _check_choice("pool_2", architecture.pool_2, tuple(POOLS))
        _check_choice("initialisation", initialisation, INITIALISATIONS)
        if min(architecture.grid) < 1:
            raise InputError(f"images of {by(architecture.input)}: too small for the network.")
        self.architecture = architecture
        layers: list[nn.Module] = []
        channels = architecture.input[0]
        for number, (kernel, padding, widths, stride) in enumerate(architecture.blocks):
            if number > 0:
                layers.append(
                    architecture.pool.build(architecture.pool_2 if number == 2 else "max")
                )
            if number in architecture.drops:
                layers.append(nn.Dropout(dropout))
            layers.append(MLPConv(channels, widths, kernel, padding, stride, form))
            channels = widths[-1]
        self.class_names = tuple(map(str, range(architecture.classes)))
        self.prepare: nn.Module = nn.Identity()
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        if architecture.head == "fully_connected":
            values = architecture.classes * math.prod(architecture.grid)
            connected = nn.Linear(values, architecture.classes)
            self.head = nn.Sequential(nn.Flatten(), nn.Dropout(head_dropout), connected)
        self.apply(_he if initialisation == "he" else _published)

    def maps(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        """Give the class confidence maps: the last mlpconv layer's output, a map for each class.

        With the head "gap" the network's scores are their means. The maps come after the last
        ReLU; the mean of what enters it, rectified, is another number (S13).

        Source: arXiv:1312.4400, section 4.7.
        """
        maps: Tensor = self.features(self.prepare(images))
        return maps

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Score each image for each class.

        Raises:
            InputError: The head is fully connected and the images are not of its size.
        """
        size = tuple(images.shape[1:])
        if self.architecture.head == "fully_connected" and size != self.architecture.input:
            raise InputError(
                f"images of {by(size)}: the fully connected head takes "
                f"{by(self.architecture.input)} only."
            )
        scores: Tensor = self.head(self.maps(images))
        return scores


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} = {value!r}: give one of {', '.join(choices)}.")


def _he(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)


def _published(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.normal_(module.weight, std=0.05)
        nn.init.zeros_(module.bias)


def _build(
    name: str, *, head: str = "gap", pool_2: str = "max", **options: Any
) -> NetworkInNetwork:
    return NetworkInNetwork(ARCHITECTURES[name]._replace(head=head, pool_2=pool_2), **options)


def cifar10(**options: Any) -> NetworkInNetwork:
    """Build the published network for CIFAR-10: [B, 3, 32, 32] to [B, 10], 966,986 parameters.

    Options, here and in the other four, are `head` and `pool_2` of `Architecture` and those of
    `NetworkInNetwork`.
    """
    return _build("cifar10", **options)


def cifar100(**options: Any) -> NetworkInNetwork:
    """Build the published network for CIFAR-100: [B, 3, 32, 32] to [B, 100], 984,356 parameters."""
    return _build("cifar100", **options)


def svhn(**options: Any) -> NetworkInNetwork:
    """Build the published network for SVHN: [B, 3, 32, 32] to [B, 10], 1,986,026 parameters."""
    return _build("svhn", **options)


def mnist(**options: Any) -> NetworkInNetwork:
    """Build the published network for MNIST: [B, 1, 28, 28] to [B, 10], 349,674 parameters."""
    return _build("mnist", **options)


def imagenet(**options: Any) -> NetworkInNetwork:
    """Build the published network for ImageNet: 3×224×224 to 1,000 classes, 7,595,176 parameters.

    It pools after three blocks and drops out once, before the last.
    """
    return _build("imagenet", **options)


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
    base = ARCHITECTURES["mnist" if padded else "digits"]
    model = NetworkInNetwork(base.adapted((1, 28, 28), 11), dropout=DROPOUT)
    model.class_names = (*map(str, range(10)), "background")
    return model


def faces() -> NetworkInNetwork:
    """Build a small network for a window of 25×25 pixels: class 1 is a face, class 0 none.

    Takes [B, 1, 25, 25] and gives [B, 2]. It pads nowhere: 25, 22, 11, 8, 4, 2 pixels a side.
    """
    model = NetworkInNetwork(ARCHITECTURES["faces"], dropout=DROPOUT)
    model.class_names = ("background", "face")
    return model
