"""Writing the graph of all windows: steps on blocks, the rest on the batch of windows."""

import operator
from math import prod
from typing import Any

import torch
from torch import fx

from onebyone.graphs.aten import aten, value_of
from onebyone.windows.axis import Part
from onebyone.windows.blocks import Builder, Windowed
from onebyone.windows.cut import Sharing
from onebyone.windows.lowering import Lowered, is_size


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
    # The parts of the captured graph that only crops need, such as sizes, are dead here.
    graph.eliminate_dead_code(is_impure_node=lambda node: node.op in ("placeholder", "output"))
    captured = lowered.captured
    return module_of(graph, model=captured.model, constants=captured.constants)


def module_of(graph: fx.Graph, **children: Any) -> fx.GraphModule:
    """A graph module that refers to live modules, so that exchanged parameters are seen."""
    module = fx.GraphModule({}, fx.Graph())
    for name, child in children.items():
        module.add_module(name, child)
    module.graph = graph
    return module


class _Emission:
    """The state of one emission: which captured node has become what."""

    def __init__(self, graph: fx.Graph, lowered: Lowered, sharing: Sharing) -> None:
        self.graph, self.lowered, self.sharing = graph, lowered, sharing
        self.grid = tuple(axis.m for axis in sharing.axes[lowered.captured.image])
        self.build = Builder(graph, lowered.captured.constants, self.unchanging)
        self.blocks: dict[fx.Node, Windowed] = {}
        self.windows: dict[fx.Node, fx.Node] = {}
        self.same: dict[fx.Node, fx.Node] = {}
        captured = lowered.captured
        self._image(captured.image)
        for node in captured.graph.nodes:
            if node.op in ("placeholder", "output"):
                continue
            if node in lowered.dependent:
                self._dependent(node)
            else:
                self.same[node] = self._unchanging(node)

    def _image(self, image: fx.Node) -> None:
        axes = self.sharing.axes[image]
        x = self.graph.placeholder("image")
        batch = self.build.call(aten.sym_size.int, x, 0)
        self.total = self.build.call(operator.mul, batch, prod(self.grid))
        for axis, dim in zip(axes, self.lowered.layout.dims, strict=True):
            if axis.extent is None:  # pixels behind the last window are in no crop
                x = self.build.cut(x, dim, 0, axis.length)
        self.blocks[image] = Windowed(axes, self.lowered.layout, {(Part.SHARED,) * len(axes): x})

    def _unchanging(self, node: fx.Node) -> fx.Node:
        """A parameter, a constant, or a size that follows from the batch of windows."""
        if is_size(node) and node.target is aten.sym_size.int:
            return self.total
        return self.graph.node_copy(node, self.unchanging)

    def unchanging(self, node: fx.Node) -> fx.Node:
        """What has become of a node that is the same for every window."""
        return self.same[node]

    def _dependent(self, node: fx.Node) -> None:
        step = self.lowered.steps.get(node)
        axes = self.sharing.axes[node] if step else ()
        if step is None or not any(axis.shared for axis in axes):
            self.windows[node] = self.graph.node_copy(node, self._for_windows)
            return
        inputs = [self._blocks(source) for source in step.sources]
        self.blocks[node] = step.emit(self.build, inputs, axes)

    def _for_windows(self, node: fx.Node) -> fx.Node:
        if node not in self.lowered.dependent:
            return self.same[node]
        if node not in self.windows:
            self.windows[node] = self.build.windows(self.blocks[node])
        return self.windows[node]

    def _blocks(self, node: fx.Node) -> Windowed:
        """The blocks of a value; of one that is no longer shared, the windows are the one block."""
        if node in self.blocks:
            return self.blocks[node]
        step = self.lowered.steps[node]
        x = self.windows[node]
        if step.layout.flat:
            x = self.build.call(aten.reshape.default, x, [-1, *step.layout.shape])
        axes = self.sharing.axes[node]
        self.blocks[node] = Windowed(axes, step.layout, {(Part.BEFORE,) * len(axes): x})
        return self.blocks[node]

    def result(self, leaf: Any) -> Any:
        """A leaf of the output as [B, ..., *grid]."""
        if not isinstance(leaf, fx.Node) or not isinstance(value_of(leaf), torch.Tensor):
            return leaf
        x, rank = self._for_windows(leaf), len(self.grid)
        rest = [int(size) for size in value_of(leaf).shape[1:]]
        x = self.build.call(aten.reshape.default, x, [-1, *self.grid, *rest])
        order = [0, *range(1 + rank, 1 + rank + len(rest)), *range(1, 1 + rank)]
        return self.build.call(aten.permute.default, x, order)


def peak_elements(lowered: Lowered, sharing: Sharing) -> int:
    """An estimate of the most numbers that are alive at once for one image.

    While a step runs its inputs, its output and a copy of its inputs with their halo are alive.
    """
    windows = prod(axis.m for axis in sharing.axes[lowered.captured.image])
    nodes = [lowered.captured.image, *lowered.multiply_adds]
    places = {node: place for place, node in enumerate(nodes)}
    sizes = {node: _stored(lowered, sharing, node, windows) for node in nodes}
    last = {n: max((places[user] for user in n.users if user in places), default=-1) for n in nodes}
    alive = peak = 0
    for place, node in enumerate(nodes):
        alive += sizes[node]
        read = [n for n in node.all_input_nodes if n in sizes]
        peak = max(peak, alive + sum(sizes[n] for n in read))
        alive -= sum(sizes[n] for n in {*read, node} if last[n] <= place)
    return peak


def _stored(lowered: Lowered, sharing: Sharing, node: fx.Node, windows: int) -> int:
    axes = sharing.axes.get(node)
    if axes is None:
        return lowered.elements[node] * windows
    layout = lowered.layout if node is lowered.captured.image else lowered.steps[node].layout
    channels = prod(layout.shape[d - 1] for d in layout.others)
    return channels * prod(axis.size for axis in axes)
