"""The levels of the graph of all windows.

What windows share along the first axis is written once for all of them. What belongs to windows
along the first axis, and is shared along the second, is a graph of its own that runs for some of
these windows at a time; and so on for each axis. The last level has what belongs to single
windows: the corners of every map, and all that comes after sharing has ended.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import fx, nn

from onebyone.graphs.aten import aten, value_of
from onebyone.graphs.value import Value
from onebyone.windows.axis import Part
from onebyone.windows.bands import Stored
from onebyone.windows.blocks import Builder, Key, Windowed, depth
from onebyone.windows.calling import call_functions
from onebyone.windows.grid import Grid
from onebyone.windows.looping import Cut, Stretch, Whole, in_turns
from onebyone.windows.lowering import is_size
from onebyone.windows.overwriting import overwrite
from onebyone.windows.reading import joined, read_windows
from onebyone.windows.schedule import Loop
from onebyone.windows.spread import own
from onebyone.windows.steps import Step


def module_of(graph: fx.Graph, **children: Any) -> fx.GraphModule:
    """A graph module that refers to live modules, so that exchanged parameters are seen."""
    module = fx.GraphModule({}, fx.Graph())
    module.graph = graph  # before the children: setting it writes their code anew
    for name, child in children.items():
        module.add_module(name, child)
    return module


Block = tuple[fx.Node, Key]
Body = tuple[fx.GraphModule, list[Block]]


class _Blocks(dict[Key, fx.Node]):
    """The blocks of a value that a level has; others are found when they are read."""

    def __init__(self, find: Callable[[Key], fx.Node]) -> None:
        super().__init__()
        self.find = find

    def __missing__(self, key: Key) -> fx.Node:
        self[key] = self.find(key)
        return self[key]


class Level:
    """One level being written: the graph that runs for some windows along each earlier axis."""

    def __init__(
        self,
        grid: Grid,
        loops: Sequence[Loop],
        level: int = 0,
        stored: Mapping[fx.Node, Stored] | None = None,
        made: dict[Any, Body] | None = None,
    ) -> None:
        """Begin a level.

        Args:
            grid: the windows that it runs for.
            loops: over windows by themselves, one for each axis.
            level: how many leading axes are edges in its blocks.
            stored: at the first level of a band, what it stores after another band.
            made: levels below that are written: bands of one size share them.
        """
        self.grid, self.loops, self.level, self.lowered = grid, loops, level, grid.lowered
        self.made = {} if made is None else made
        self.stored, self.inside = stored or {}, level > 0 or stored is not None
        self.rank = len(grid.windows)
        self.graph = fx.Graph()
        constants = self.lowered.captured.constants
        self.build = Builder(self.graph, constants, self.lowered.target, self._copied)
        self.values: dict[fx.Node, Windowed] = {}
        self.windows: dict[fx.Node, fx.Node] = {}
        self.received: dict[Block, fx.Node] = {}
        self.before: dict[Block, fx.Node] = {}
        self.children: dict[str, nn.Module] = {}

    def begin(self, kept: Iterable[Block] = ()) -> None:
        """Take the image, at the first level, and the last places of blocks of a band before."""
        image = self.graph.placeholder("image")
        for i, block in enumerate(kept):
            self.before[block] = self.graph.placeholder(f"before{i}")
        node, layout = self.lowered.captured.image, self.lowered.layout
        value = self._value(node)
        for k, dim in enumerate(layout.dims):
            if value.axes[k].extent is None:  # pixels behind the last window are in no crop
                image = self.build.cut(image, dim, 0, value.places(k, Part.SHARED))
        value.blocks[(Part.SHARED,) * self.rank] = image

    def module(
        self, leaves: Sequence[Any], kept: Mapping[Block, int] = MappingProxyType({})
    ) -> fx.GraphModule:
        """The level as a module.

        Args:
            leaves: of the network's output, which it gives.
            kept: how many last places of blocks it gives after them.
        """
        for node, step in self.lowered.steps.items():
            self._run(node, step)
        if self.level == self.rank:
            self._run_alone()
        later = dict.fromkeys(leaf for leaf in leaves if self._is_later(leaf))
        found = dict(zip(later, self._next_level(tuple(later)), strict=True))
        results = [found[leaf] if leaf in found else self._result(leaf) for leaf in leaves]
        self.graph.output((*results, *(self._last(*block, n) for block, n in kept.items())))
        # Sizes that only crops need are dead here.
        self.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        overwrite(self.graph)
        call_functions(self.graph)
        captured = self.lowered.captured
        return module_of(
            self.graph, model=captured.model, constants=captured.constants, **self.children
        )

    def _copied(self, node: fx.Node) -> fx.Node:
        """A captured node that is the same for every window, in this level."""
        if is_size(node) and node.target is aten.sym_size.int:
            first = next(iter(self.windows), self.lowered.captured.image)
            return self.build.call(aten.sym_size.int, self._on_windows(first), 0)
        if self.inside and node.op == "call_function" and _is_constant(node):  # computed once
            return self._receive(node, ())
        return self.graph.node_copy(node, self.build.copies)

    def _receive(self, node: fx.Node, key: Key) -> fx.Node:
        """A block of an earlier level; a value that is the same for every window has no key."""
        last = next(reversed(self.received.values()), None)
        with self.graph.inserting_after(last):
            name = f"block{len(self.received)}"
            self.received[node, key] = self.graph.placeholder(name)
        return self.received[node, key]

    def _find(self, node: fx.Node, key: Key) -> fx.Node:
        """A block that this level has not written: one of an earlier level, or one to be joined."""
        if self._level_of(node, key) < self.level:
            return self._receive(node, key)
        return joined(self.build, self._value(node), key)

    def _value(self, node: fx.Node) -> Windowed:
        if node not in self.values:
            blocks = _Blocks(partial(self._find, node))
            layout, stored = self.lowered.layout_of(node), self._stored(node)
            self.values[node] = Windowed(self.grid.axes[node], layout, blocks, stored.skipped)
        return self.values[node]

    def _run(self, node: fx.Node, step: Step) -> None:
        """Write the blocks of a step that belong to this level."""
        if not self.grid.is_shared(node):
            return
        value = self._value(node)
        inputs = [self._value(source) for source in step.sources]
        for parts in value.parts:
            if self._level_of(node, parts) == self.level:
                new = step.block(self.build, inputs, value.axes, parts, self._stored(node).new)
                # What the band before has computed comes first.
                both = [self.before[node, parts], new] if (node, parts) in self.before else [new]
                value.blocks[parts] = self.build.cat(both, value.layout.dims[0])

    def _level_of(self, node: fx.Node, key: Key) -> int:
        """The level that writes a block: the last where the node is run for each window."""
        return self.rank if node in self.grid.alone else depth(key)

    def _stored(self, node: fx.Node) -> Stored:
        return self.stored.get(node, Stored())

    def _last(self, node: fx.Node, key: Key, count: int) -> fx.Node:
        """The last places of a block along the first axis."""
        value = self._value(node)
        stop = value.places(0, key[0])
        last = self.build.cut(value.blocks[key], value.layout.dims[0], stop - count, stop)
        if self.grid.thrift == 1:
            return last
        return self.build.call(aten.clone.default, last)  # a view would keep the block

    def _run_alone(self) -> None:
        """Run what is not shared on the batch of windows."""
        captured, dependent = self.lowered.captured, self.lowered.dependent
        nodes = [n for n in captured.graph.nodes if n in dependent and not self.grid.is_shared(n)]
        inside = set(nodes)
        for node in self.grid.axes:
            if self.grid.is_shared(node) and not inside.isdisjoint(node.users):
                self._on_windows(node)
        for node in nodes:
            self.windows[node] = self.graph.node_copy(node, self._on_windows)

    def _on_windows(self, node: fx.Node) -> fx.Node:
        """A captured node's value as the network computes it, on the batch of windows."""
        if node not in self.lowered.dependent:
            return self.build.copies(node)
        if node not in self.windows:
            self.windows[node] = read_windows(self.build, self._value(node))
        return self.windows[node]

    def _is_later(self, leaf: Any) -> bool:
        """Whether a leaf of the output needs a later level."""
        if not is_tensor(leaf) or self.level == self.rank:
            return False
        if not self.grid.is_shared(leaf):
            return leaf in self.grid.alone
        return any(self._level_of(leaf, parts) > self.level for parts in self._value(leaf).parts)

    def _next_level(self, leaves: tuple[fx.Node, ...]) -> list[fx.Node]:
        """Run the next level for some windows along this level's axis at a time."""
        if not leaves:
            return []
        k = self.level
        loop = self.loops[k].of(self.grid.windows[k])
        found = {name: self._body(len(turn), leaves) for name, turn in loop.bodies.items()}
        blocks = list(dict.fromkeys(block for _, read in found.values() for block in read))
        cuts = {block: self._cut(*block, loop) for block in blocks}
        given = {
            name: [(blocks.index(block), cuts[block]) for block in read]
            for name, (_, read) in found.items()
        }
        bodies = {name: module for name, (module, _) in found.items()}
        self.children["windows"] = in_turns(loop, bodies, given, k - self.rank, len(leaves))
        results = self.graph.call_module("windows", tuple(self._passed(*b) for b in blocks))
        return [self.build.call(operator.getitem, results, i) for i in range(len(leaves))]

    def _body(self, count: int, leaves: tuple[fx.Node, ...]) -> Body:
        """The next level for so many windows, and the blocks that it reads."""
        grid = self.grid.some(self.level, count)
        key = (self.level, grid.windows, leaves)
        if key not in self.made:
            level = Level(grid, self.loops, self.level + 1, made=self.made)
            self.made[key] = level.module(leaves), list(level.received)
        return self.made[key]

    def _passed(self, node: fx.Node, key: Key) -> fx.Node:
        """A block that the next level reads."""
        return self._value(node).blocks[key] if key else self.build.copies(node)

    def _cut(self, node: fx.Node, key: Key, loop: Loop) -> Cut:
        """What a turn is given of a block."""
        k = self.level
        if not key or loop.most == loop.windows:
            return Whole()
        value = self._value(node)
        axis = value.axes[k]
        if key[k] is not Part.SHARED:
            return own(self.build, value, key, k)
        extent = replace(axis.cropped(), m=1).length
        if axis.t == 0 and extent == axis.length:
            return Whole()
        return Stretch(value.layout.dims[k], axis.origin, axis.t, extent)

    def _result(self, leaf: Any) -> Any:
        """A leaf of the output as [B, ..., *grid]."""
        if not is_tensor(leaf):
            return leaf
        rest = [int(size) for size in value_of(leaf).shape[1:]]
        return self.build.on_grid(self._on_windows(leaf), self.grid.windows, rest)


def is_tensor(leaf: Any) -> bool:
    """Whether a leaf of the output is a tensor of the graph, not a constant."""
    return isinstance(leaf, fx.Node) and isinstance(value_of(leaf), Value)


def _is_constant(node: fx.Node) -> bool:
    """Whether a value is a tensor of known sizes."""
    value = value_of(node)
    return isinstance(value, Value) and value.fixed
