"""The layout in which blocks are cut and joined: positions and windows apart."""

from collections.abc import Sequence
from math import prod

from torch import fx

from onebyone.graphs.aten import aten
from onebyone.windows.blocks import Builder, Key, Layout, Windowed, is_lattice
from onebyone.windows.looping import Own

Pair = tuple[int, int]


class Spread:
    """A block with two dimensions for each axis: [batch, (positions, windows) of each, channels].

    A lattice has one window. Channels are last in memory, as convolutions and poolings are fastest.
    """

    def __init__(self, build: Builder, layout: Layout) -> None:
        self.build, self.rank = build, len(layout.dims)
        self.order = [0, *layout.dims, *layout.others]
        self.channels = [layout.shape[d - 1] for d in layout.others]
        self.last = 2 * self.rank + len(layout.others)

    def dim(self, k: int) -> int:
        """The dimension of the positions of axis k; its windows are the next."""
        return 1 + 2 * k

    def shape(self, sizes: Sequence[int]) -> list[int]:
        """A shape with these sizes for the axes."""
        return [-1, *sizes, *self.channels]

    def split(self, block: fx.Node, pairs: Sequence[Pair]) -> fx.Node:
        """A block as it is stored in this form."""
        x = self.build.permuted(block, self.order)
        return self.build.call(aten.reshape.default, x, self.shape([n for p in pairs for n in p]))

    def merge(self, x: fx.Node, sizes: Sequence[int]) -> fx.Node:
        """A tensor in this form, or with windows in the batch, as a block of these sizes."""
        x = self.build.call(aten.reshape.default, x, self.shape(sizes))
        return self.build.permuted(x, [self.order.index(d) for d in range(len(self.order))])


def to_map(build: Builder, x: fx.Node, layout: Layout, places: Sequence[Pair]) -> fx.Node:
    """What was computed with windows in the batch, as a block.

    Args:
        build: where to write.
        x: the tensor [batch · windows, ...].
        layout: of the result.
        places: length of each axis in the tensor, and how many of its windows are in the batch.
    """
    spread = Spread(build, layout)
    x = build.permuted(x, spread.order)
    lengths, windows = zip(*places, strict=True)
    x = build.call(aten.reshape.default, x, [-1, *windows, *spread.shape(lengths)[1:]])
    order, rank = [0], spread.rank
    for dim in range(1, spread.last - rank + 1):
        order.append(dim + rank)
        if dim <= rank:
            order.append(dim)  # its windows
    x = build.permuted(x, order)
    return spread.merge(x, [prod(pair) for pair in places])


def own(build: Builder, value: Windowed, key: Key, k: int) -> Own:
    """What is given of a block to some of the windows along axis k, to which it belongs."""
    spread, windows = Spread(build, value.layout), value.axes[k].m
    sizes = [value.places(j, held) for j, held in enumerate(key)]
    sizes[k : k + 1] = sizes[k] // windows, windows
    return Own(tuple(spread.order), tuple(spread.shape(sizes)), k + 2)


def split(build: Builder, value: Windowed, key: Key) -> fx.Node:
    """A block with positions and windows apart, written once."""
    block = value.blocks[key]
    spread = Spread(build, value.layout)
    return build.once((block, "spread"), lambda: spread.split(block, _pairs(value, key)))


def merged(build: Builder, value: Windowed, key: Key, x: fx.Node) -> fx.Node:
    """The block whose positions and windows lie apart in this tensor, which `split` gives."""
    sizes = [value.places(k, held) for k, held in enumerate(key)]
    block = Spread(build, value.layout).merge(x, sizes)
    build.once((block, "spread"), lambda: x)
    return block


def _pairs(value: Windowed, key: Key) -> list[Pair]:
    """Positions and windows of a block along each axis."""
    windows = [
        1 if is_lattice(held) else axis.m for axis, held in zip(value.axes, key, strict=True)
    ]
    return [(value.places(k, key[k]) // m, m) for k, m in enumerate(windows)]
