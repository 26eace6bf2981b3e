"""The registry of operators, and what a function that reads one is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import fx

from onebyone.graphs.aten import arguments, window_shape
from onebyone.windows.blocks import Builder, Layout
from onebyone.windows.movers import Mover
from onebyone.windows.steps import Apply, NotShared, Place, Step, identity

OPERATORS: dict[Any, Callable[["Call"], Step]] = {}


def operator(*targets: Any) -> Callable[[Callable[["Call"], Step]], Callable[["Call"], Step]]:
    """Register the function that reads calls of these ATen operators."""

    def register(read: Callable[["Call"], Step]) -> Callable[["Call"], Step]:
        OPERATORS.update(dict.fromkeys(targets, read))
        return read

    return register


@dataclass(frozen=True)
class Call:
    """A captured node with the layouts of what it reads.

    Attributes:
        node: the node.
        layouts: the layout of every node so far that carries windows; other nodes are the same
            for every window.
    """

    node: fx.Node
    layouts: Mapping[fx.Node, Layout]

    @property
    def bound(self) -> dict[str, Any]:
        """Arguments by name."""
        return arguments(self.node)

    @property
    def sources(self) -> tuple[fx.Node, ...]:
        """The arguments that carry windows."""
        return tuple(n for n in self.node.all_input_nodes if n in self.layouts)

    @property
    def layout(self) -> Layout:
        """The layout of the first argument that carries windows."""
        return self.layouts[self.sources[0]]

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.layout.dims)

    @property
    def shape(self) -> tuple[int, ...]:
        """The output's shape for one window."""
        shape = window_shape(self.node)
        if shape is None:
            raise NotShared("moves the batch from the first dimension")
        return shape

    def spatial(self) -> Layout:
        """The layout, which must be [N, C, *space] in any order of the axes."""
        layout = self.layout
        if layout.flat or layout.others != (1,):
            raise NotShared("reads another layout than [N, C, *space]")
        return layout

    def movers(self, make: Callable[[int], Mover]) -> tuple[Mover, ...]:
        """A mover for each axis, made from the place of its dimension in the operator's lists."""
        return tuple(make(dim - 2) for dim in self.layout.dims)

    def step(
        self,
        apply: Apply,
        movers: tuple[Mover, ...] | None = None,
        layout: Layout | None = None,
        kind: type[Step] = Step,
        **more: Any,
    ) -> Step:
        """The step; by default positions and layout stay as they are."""
        movers = identity(self.rank) if movers is None else movers
        layout = Layout(self.layout.dims, self.shape) if layout is None else layout
        return kind(self.node, self.sources, movers, layout, apply, **more)

    def again(self) -> Apply:
        """Emits the node itself on what was read in place of its sources."""
        node, sources = self.node, self.sources

        def apply(build: Builder, tensors: list[fx.Node], _place: Place) -> fx.Node:
            read = dict(zip(sources, tensors, strict=True))
            copied = build.copies
            return build.graph.node_copy(node, lambda n: read[n] if n in read else copied(n))

        return apply


def unchanged(_build: Builder, tensors: list[fx.Node], _place: Place) -> fx.Node:
    """Emits nothing: the result is what was read."""
    return tensors[0]


def by_dim(layout: Layout, values: tuple[int, ...]) -> list[int]:
    """Values in order of the axes as PyTorch's lists, in order of the dimensions."""
    return [v for _, v in sorted(zip(layout.dims, values, strict=True))]
