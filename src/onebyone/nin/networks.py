"""Networks built from their architectures, and the five published ones."""

import math
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.models import Described
from onebyone.nin.architectures import ARCHITECTURES, Architecture
from onebyone.nin.data import CLASSES
from onebyone.nin.layers import MLPConv
from onebyone.wording import by

POOLS: dict[str, type[nn.MaxPool2d | nn.AvgPool2d]] = {
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
}
HEADS = ("gap", "fully_connected")
INITIALISATIONS = ("he", "published")


class NetworkInNetwork(Described):
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

    Example:
        >>> blocks = ob.nin.Block(3, 1, (8, 8)), ob.nin.Block(3, 1, (8, 5))
        >>> network = ob.nin.NetworkInNetwork(ob.nin.Architecture((3, 16, 16), blocks)).eval()
        >>> images = torch.rand(2, 3, 16, 16)
        >>> maps, scores = network.maps(images), network(images)
        >>> torch.allclose(maps.mean(dim=(2, 3)), scores, atol=1e-6)  # global average pooling
        True
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
        self.architecture, self.window = architecture, architecture.input
        layers: list[nn.Module] = []
        channels = architecture.input[0]
        for number, (kernel, padding, widths, stride) in enumerate(architecture.blocks):
            if number > 0:
                pool = POOLS[architecture.pool_2 if number == 2 else "max"]
                kernel_size, ceil = architecture.pool
                layers.append(pool(kernel_size, stride=2, ceil_mode=ceil))
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
        self.apply(partial(_initialise, initialisation))

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


def _initialise(initialisation: str, module: nn.Module) -> None:
    if not isinstance(module, nn.Conv2d | nn.Linear) or module.bias is None:
        return
    if initialisation == "he":
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    else:
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

    Example:
        >>> network = ob.nin.cifar10(head="fully_connected").eval()
        >>> network.head
        Sequential(
          (0): Flatten(start_dim=1, end_dim=-1)
          (1): Dropout(p=0.5, inplace=False)
          (2): Linear(in_features=640, out_features=10, bias=True)
        )
    """
    return _build("cifar10", **options)


def cifar100(**options: Any) -> NetworkInNetwork:
    """Build the published network for CIFAR-100: [B, 3, 32, 32] to [B, 100], 984,356 parameters.

    Example:
        >>> sum(weights.numel() for weights in ob.nin.cifar100().parameters())
        984356
    """
    return _build("cifar100", **options)


def svhn(**options: Any) -> NetworkInNetwork:
    """Build the published network for SVHN: [B, 3, 32, 32] to [B, 10], 1,986,026 parameters.

    Example:
        >>> ob.nin.svhn().eval()(torch.rand(1, 3, 32, 32)).shape
        torch.Size([1, 10])
    """
    return _build("svhn", **options)


def mnist(**options: Any) -> NetworkInNetwork:
    """Build the published network for MNIST: [B, 1, 28, 28] to [B, 10], 349,674 parameters.

    Example:
        >>> network = ob.nin.mnist(initialisation="published").eval()
        >>> network.maps(torch.rand(1, 1, 28, 28)).shape  # a map for each class
        torch.Size([1, 10, 7, 7])
    """
    return _build("mnist", **options)


def imagenet(**options: Any) -> NetworkInNetwork:
    """Build the published network for ImageNet: 3×224×224 to 1,000 classes, 7,595,176 parameters.

    It pools after three blocks and drops out once, before the last.

    Example:
        >>> network = ob.nin.imagenet()
        >>> len(network.class_names), network.architecture.grid
        (1000, (6, 6))
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

    Example:
        >>> network = ob.nin.digits().eval()
        >>> network(torch.rand(1, 1, 28, 28)).shape, network.class_names[-1]
        (torch.Size([1, 11]), 'background')
    """
    base = ARCHITECTURES["mnist" if padded else "digits"]
    model = NetworkInNetwork(base.adapted((1, 28, 28), 11), dropout=DROPOUT)
    model.class_names = CLASSES
    return model


def faces() -> NetworkInNetwork:
    """Build a small network for a window of 25×25 pixels: class 1 is a face, class 0 none.

    Takes [B, 1, 25, 25] and gives [B, 2]. It pads nowhere: 25, 22, 11, 8, 4, 2 pixels a side.

    Example:
        >>> network = ob.nin.faces().eval()
        >>> network(torch.rand(1, 1, 25, 25)).shape, network.class_names
        (torch.Size([1, 2]), ('background', 'face'))
    """
    model = NetworkInNetwork(ARCHITECTURES["faces"], dropout=DROPOUT)
    model.class_names = ("background", "face")
    return model
