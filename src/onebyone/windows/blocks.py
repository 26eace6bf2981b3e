"""Feature maps of all windows as blocks: one plain tensor for each product of parts.

A block is a plain map with the layout of the captured tensor. Along a shared axis its dimension is
the lattice; along an edge axis it is the positions of that part, each for all windows: position p
of window i lies at place p·m + i of m windows. So the edges of all windows are a lattice, too.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import torch
from torch import fx, nn

from onebyone.graphs.aten import aten
from onebyone.windows.axis import Axis, Part
from onebyone.windows.movers import Lattice, Strip
from onebyone.windows.target import Target

Parts = tuple[Part, ...]
Held = Part | Lattice | Strip
Key = tuple[Held, ...]
"""What a block holds along each axis: a part, or a stretch that was joined from parts. Places of a
`Lattice` are counted from the first that is stored; -1 in a `Strip` is padding."""

PLAIN = "plain"
"""Where a node that ends a form written for PyTorch keeps the plain one: what to call with what."""


def depth(key: Key) -> int:
    """How many leading axes are edge: a block belongs to windows along these."""
    for k, held in enumerate(key):
        if is_lattice(held):
            return k
    return len(key)


def is_lattice(held: Held) -> bool:
    """Whether windows share what a block holds along an axis."""
    return held is Part.SHARED or isinstance(held, Lattice)


@dataclass(frozen=True)
class Layout:
    """Where a captured tensor keeps the axes.

    Attributes:
        dims: the dimension of each axis; the batch is dimension 0.
        shape: the shape of one window, without the batch.
        flat: whether the captured tensor is this one with all but the batch flattened.
    """

    dims: tuple[int, ...]
    shape: tuple[int, ...]
    flat: bool = False

    @cached_property
    def others(self) -> tuple[int, ...]:
        """The dimensions that are neither the batch nor an axis."""
        return tuple(d for d in range(1, len(self.shape) + 1) if d not in self.dims)

    @cached_property
    def channels(self) -> int:
        """Numbers at each position."""
        return prod(self.shape[d - 1] for d in self.others)

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """Positions of one window along each axis."""
        return tuple(self.shape[d - 1] for d in self.dims)


@dataclass(frozen=True, eq=False)
class Windowed:
    """The values of all windows at one place of the network.

    Attributes:
        axes: where they lie.
        layout: of the captured tensor.
        blocks: the tensors; those that hold stretches are joined when they are read.
        skipped: first places of the first axis' lattice that are not stored.
    """

    axes: tuple[Axis, ...]
    layout: Layout
    blocks: dict[Key, fx.Node]
    skipped: int = 0

    @property
    def parts(self) -> Iterator[Parts]:
        """The products of parts that are not empty."""
        return product(*(axis.parts for axis in self.axes))

    def start(self, k: int) -> int:
        """Where the first window's first shared position is stored along axis k."""
        return self.axes[k].origin - (0 if k else self.skipped)

    def places(self, k: int, held: Held) -> int:
        """Length of the blocks that hold this along axis k."""
        if isinstance(held, Lattice):
            return held.length
        if isinstance(held, Strip):
            return len(held.positions) * self.axes[k].m
        skipped = self.skipped if k == 0 and held is Part.SHARED else 0
        return self.axes[k].places(held) - skipped


@dataclass(frozen=True)
class Fill:
    """What lies outside a window: a constant, or its own positions by NumPy's padding modes."""

    value: float = 0.0
    mode: str = "constant"
    before: tuple[int, ...] = ()
    behind: tuple[int, ...] = ()


ZERO = Fill()


class Builder:
    """Writes the emitted graph."""

    def __init__(
        self,
        graph: fx.Graph,
        constants: nn.Module,
        target: Target,
        copied: Callable[[fx.Node], fx.Node] | None = None,
    ) -> None:
        """Write into a graph.

        Args:
            graph: the emitted graph.
            constants: the module that keeps tables, the graph's child of that name.
            target: the machine that runs it.
            copied: writes what becomes of a captured node that is the same for every window; by
                default a copy.
        """
        self.graph, self.constants, self.target = graph, constants, target
        self._copied = copied or (lambda node: graph.node_copy(node, self.copies))
        self._written: dict[Any, fx.Node] = {}

    def copies(self, node: fx.Node) -> fx.Node:
        """What has become of a captured node that is the same for every window."""
        return self.once((node, "copy"), lambda: self._copied(node))

    def constant(self, integers: Sequence[int], shape: Sequence[int] = (-1,)) -> fx.Node:
        """A table of integers of this shape, kept once for equal ones."""
        table = torch.tensor(integers, device="cpu").reshape(*shape)
        kept = dict(self.constants.named_buffers())
        known = ((name, other) for name, other in kept.items() if not other.is_meta)
        equal = (name for name, other in known if torch.equal(other.cpu(), table))
        name = next(equal, f"table{len(kept)}")
        if name not in kept:
            self.constants.register_buffer(name, table, persistent=False)
        return self.graph.get_attr(f"constants.{name}")

    def call(self, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        """Emit one operator."""
        node = self.graph.call_function(target, kwargs=kwargs)
        node.args = args  # if they are given above, PyTorch looks at each number in them first
        return node

    def cut(self, x: fx.Node, dim: int, start: int, stop: int, step: int = 1) -> fx.Node:
        """Places start, start + step, ... below stop of one dimension that has them."""
        if step == 1:
            return self.call(aten.narrow.default, x, dim, start, stop - start)
        return self.call(aten.slice.Tensor, x, dim, start, stop, step)

    def cat(self, tensors: list[fx.Node], dim: int) -> fx.Node:
        """Several tensors joined along one dimension; one is itself."""
        return tensors[0] if len(tensors) == 1 else self.call(aten.cat.default, tensors, dim)

    def permuted(self, x: fx.Node, order: Sequence[int]) -> fx.Node:
        """The dimensions in this order; nothing is written where they are."""
        straight = list(order) == sorted(order)
        return x if straight else self.call(aten.permute.default, x, list(order))

    def once(self, key: Any, write: Callable[[], fx.Node]) -> fx.Node:
        """What was written under this key, or is written now."""
        if key not in self._written:
            self._written[key] = write()
        return self._written[key]

    def on_grid(self, x: fx.Node, grid: Sequence[Any], rest: Sequence[int]) -> fx.Node:
        """A value for each window, [B · windows, *rest], as [B, *rest, *grid]."""
        x = self.call(aten.reshape.default, x, [-1, *grid, *rest])
        first = 1 + len(grid)
        behind = range(first, first + len(rest))
        return self.call(aten.permute.default, x, [0, *behind, *range(1, first)])
