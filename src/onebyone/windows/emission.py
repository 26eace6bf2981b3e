"""Writing the graph of all windows: steps on blocks, the rest on the batch of windows."""

import operator
from collections.abc import Iterable
from math import prod
from typing import Any

import torch
from torch import fx

from onebyone.graphs.aten import aten, value_of
from onebyone.windows.axis import Part
from onebyone.windows.blocks import Builder, Windowed
from onebyone.windows.cut import Sharing
from onebyone.windows.lowering import Lowered, is_size

# Numbers in the largest value of what runs on windows at a time, 16 MiB in single precision: with
# all windows at once EfficientNet took 1.4 times as long, with fewer no less.
_CACHED = 2**22


def emit(lowered: Lowered, sharing: Sharing) -> fx.GraphModule:
    """The network at every window as a plain graph of ATen operators.

    Args:
        lowered: the network.
        sharing: its axes for one grid of windows.

    Returns:
        A module that takes an image [B, C, *size] and gives each leaf of the network's output as
        [B, ..., *grid]. Parameters are those of the live network.
    """
    graph = fx.Graph()
    emission = _Emission(graph, lowered, sharing)
    graph.output(tuple(emission.result(leaf) for leaf in lowered.captured.results))
    return network_module(graph, lowered, **emission.children)


def network_module(graph: fx.Graph, lowered: Lowered, **children: Any) -> fx.GraphModule:
    """An emitted graph that refers to the live network."""
    # Sizes that only crops need are dead in the other graph.
    graph.eliminate_dead_code(is_impure_node=lambda node: node.op in ("placeholder", "output"))
    captured = lowered.captured
    return module_of(graph, model=captured.model, constants=captured.constants, **children)


def module_of(graph: fx.Graph, **children: Any) -> fx.GraphModule:
    """A graph module that refers to live modules, so that exchanged parameters are seen."""
    module = fx.GraphModule({}, fx.Graph())
    for name, child in children.items():
        module.add_module(name, child)
    module.graph = graph
    return module


class Copies:
    """Captured nodes in an emitted graph: those that are the same for every window, and others."""

    def __init__(self, graph: fx.Graph, lowered: Lowered, batch: fx.Node) -> None:
        self.graph, self.lowered, self.batch = graph, lowered, batch
        self.found: dict[fx.Node, fx.Node] = {}

    def __call__(self, node: fx.Node) -> fx.Node:
        """What has become of a node; one that no window changes is copied when first read."""
        if node not in self.found:
            is_batch = is_size(node) and node.target is aten.sym_size.int
            self.found[node] = self.batch if is_batch else self.graph.node_copy(node, self)
        return self.found[node]


class _Emission:
    """The state of one emission: which captured node has become what."""

    def __init__(self, graph: fx.Graph, lowered: Lowered, sharing: Sharing) -> None:
        self.graph, self.lowered, self.sharing = graph, lowered, sharing
        captured = lowered.captured
        self.grid = tuple(axis.m for axis in sharing.axes[captured.image])
        image = graph.placeholder("image")
        self.images = graph.call_function(aten.sym_size.int, (image, 0))
        total = graph.call_function(operator.mul, (self.images, prod(self.grid)))
        self.copies = Copies(graph, lowered, total)
        self.build = Builder(graph, captured.constants, self.copies)
        self.blocks = {captured.image: self._trimmed(image)}
        for node, step in lowered.steps.items():
            if is_shared(sharing, node):
                inputs = [self.blocks[source] for source in step.sources]
                self.blocks[node] = step.emit(self.build, inputs, sharing.axes[node])
        self.children: dict[str, fx.GraphModule] = {}
        self.windows: dict[fx.Node, fx.Node] = {}
        self._tail([n for n in captured.graph.nodes if n in lowered.dependent - self.blocks.keys()])

    def _trimmed(self, image: fx.Node) -> Windowed:
        """The image without the pixels behind the last window, which are in no crop."""
        axes, layout = self.sharing.axes[self.lowered.captured.image], self.lowered.layout
        for axis, dim in zip(axes, layout.dims, strict=True):
            if axis.extent is None:
                image = self.build.cut(image, dim, 0, axis.length)
        return Windowed(axes, layout, {(Part.SHARED,) * len(axes): image})

    def _tail(self, nodes: list[fx.Node]) -> None:
        """Run what is not shared on the batch of windows, some of them at a time."""
        if not nodes:
            return
        inside = set(nodes)
        needed = [n for n in self.blocks if not inside.isdisjoint(n.users)]
        ends = [n for n in nodes if n in self.lowered.captured.results]
        inputs = [self._for_windows(n) for n in needed]
        self.children["tail"] = tail_module(self.lowered, needed, nodes, ends)
        windows = prod(self.grid)
        step = -(-windows // -(-windows // at_a_time(self.lowered, nodes)))  # pieces of one size
        parts = []
        for first in range(0, windows, step):
            part = [self._rows(x, first, step) for x in inputs]
            parts.append(self.graph.call_module("tail", tuple(part)))
        for place, end in enumerate(ends):
            leaves = [self.build.call(operator.getitem, part, place) for part in parts]
            self.windows[end] = self.build.cat(leaves, 0)

    def _rows(self, x: fx.Node, first: int, count: int) -> fx.Node:
        """Some of the batch of windows, `count` for each image."""
        if count >= prod(self.grid):
            return x
        start, stop = (
            self.build.call(operator.mul, self.images, i) for i in (first, first + count)
        )
        return self.build.call(aten.slice.Tensor, x, 0, start, stop)

    def _for_windows(self, node: fx.Node) -> fx.Node:
        if node not in self.lowered.dependent:
            return self.copies(node)
        if node not in self.windows:
            self.windows[node] = self.build.windows(self.blocks[node])
        return self.windows[node]

    def result(self, leaf: Any) -> Any:
        """A leaf of the output as [B, ..., *grid]."""
        if not isinstance(leaf, fx.Node) or not isinstance(value_of(leaf), torch.Tensor):
            return leaf
        x, rank = self._for_windows(leaf), len(self.grid)
        rest = [int(size) for size in value_of(leaf).shape[1:]]
        x = self.build.call(aten.reshape.default, x, [-1, *self.grid, *rest])
        order = [0, *range(1 + rank, 1 + rank + len(rest)), *range(1, 1 + rank)]
        return self.build.call(aten.permute.default, x, order)


def is_shared(sharing: Sharing, node: fx.Node) -> bool:
    """Whether windows share anything of a node's value."""
    return any(axis.shared for axis in sharing.axes.get(node, ()))


def at_a_time(lowered: Lowered, nodes: Iterable[fx.Node]) -> int:
    """How many windows of one image the operators that share nothing are run on at a time.

    Few enough for their values to stay in the processor's cache.
    """
    return max(1, _CACHED // max(lowered.elements[node] for node in nodes))


def tail_module(
    lowered: Lowered, inputs: list[fx.Node], nodes: list[fx.Node], ends: list[fx.Node]
) -> fx.GraphModule:
    """Captured nodes, unchanged, on a batch of windows."""
    graph = fx.Graph()
    placeholders = [graph.placeholder(f"windows_{node.name}") for node in inputs]
    copies = Copies(graph, lowered, graph.call_function(aten.sym_size.int, (placeholders[0], 0)))
    copies.found.update(zip(inputs, placeholders, strict=True))
    for node in nodes:
        copies(node)
    graph.output(tuple(copies(end) for end in ends))
    return network_module(graph, lowered)


def peak_elements(lowered: Lowered, sharing: Sharing) -> int:
    """An estimate of the most numbers that are alive at once for one image.

    While a step runs its inputs, its output and a copy of its inputs with their halo are alive.
    """
    windows = prod(axis.m for axis in sharing.axes[lowered.captured.image])
    tail = [n for n in lowered.multiply_adds if not is_shared(sharing, n)]
    some = min(windows, at_a_time(lowered, tail)) if tail else 0
    nodes = [lowered.captured.image, *lowered.multiply_adds]
    places = {node: place for place, node in enumerate(nodes)}
    sizes = {n: _stored(lowered, sharing, n, windows, some) for n in nodes}
    last = {n: max((places[user] for user in n.users if user in places), default=-1) for n in nodes}
    alive = peak = 0
    for place, node in enumerate(nodes):
        alive += sizes[node]
        read = [n for n in node.all_input_nodes if n in sizes]
        peak = max(peak, alive + sum(sizes[n] for n in read))
        alive -= sum(sizes[n] for n in {*read, node} if last[n] <= place)
    return peak


def _stored(lowered: Lowered, sharing: Sharing, node: fx.Node, windows: int, some: int) -> int:
    if not is_shared(sharing, node):
        kept = windows if node in lowered.captured.results else some
        return lowered.elements[node] * kept
    layout = lowered.layout if node is lowered.captured.image else lowered.steps[node].layout
    channels = prod(layout.shape[d - 1] for d in layout.others)
    return channels * prod(axis.size for axis in sharing.axes[node])
