"""The networks of Network in Network (Lin, Chen and Yan, 2013), as data."""

from typing import NamedTuple

from onebyone.wording import by


class Block(NamedTuple):
    """The figures of one mlpconv layer, in pixels and channels: kernel, padding, widths, stride.

    Example:
        >>> block = ob.nin.ARCHITECTURES["svhn"].blocks[0]
        >>> block  # a 5×5 convolution to 128 channels, then 1×1s to 96 and to 64
        Block(kernel=5, padding=2, widths=(128, 96, 64), stride=1)
    """

    kernel: int
    padding: int
    widths: tuple[int, ...]
    stride: int = 1


class Pool(NamedTuple):
    """A pooling with stride 2: the side of its window in pixels, and whether it rounds sizes up.

    Example:
        >>> ob.nin.Pool(3, ceil=True).positions(32), ob.nin.Pool(2, ceil=False).positions(25)
        (16, 12)
    """

    kernel: int = 3
    ceil: bool = True

    def positions(self, size: int) -> int:
        """Give the number of outputs along an axis of `size` inputs."""
        rounded_up = 1 if self.ceil else 0
        return (size - self.kernel + rounded_up) // 2 + 1


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

    Example:
        >>> architecture = ob.nin.ARCHITECTURES["svhn"].adapted((1, 28, 28), classes=4)
        >>> architecture.grid, architecture.classes
        ((7, 7), 4)
        >>> print(architecture.blocks[-1])
        Block(kernel=5, padding=2, widths=(384, 256, 4), stride=1)
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
