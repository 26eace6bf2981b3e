"""One graph that runs the pieces of an image and joins their results."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import fx

from onebyone.graphs.aten import aten
from onebyone.windows.axis import Axis
from onebyone.windows.blocks import Builder
from onebyone.windows.levels import dividing, is_tensor
from onebyone.windows.lowering import Lowered


@dataclass(frozen=True)
class Stretch:
    """Windows `first, first + step, ...` along one axis, and the pixels that hold them."""

    axis: Axis
    start: int
    stop: int
    windows: range


Piece = tuple[Stretch, ...]
Modules = Mapping[tuple[Axis, ...], fx.GraphModule]


def joined(
    lowered: Lowered, stretches: Sequence[Sequence[Stretch]], modules: Modules
) -> fx.GraphModule:
    """The graph that runs every piece.

    Args:
        lowered: the network.
        stretches: along each axis; a piece is a product of them.
        modules: the graph of pieces, by their axes.
    """
    if all(len(found) == 1 for found in stretches):
        return next(iter(modules.values()))
    joining = _Joining(lowered, stretches, modules)
    joining.graph.output(tuple(joining.rows(())))
    children = {joining.names[axes]: module for axes, module in modules.items()}
    return dividing(joining.graph, constants=lowered.captured.constants, **children)


class _Joining:
    """Writes the graph; arguments are those of `joined`."""

    def __init__(
        self, lowered: Lowered, stretches: Sequence[Sequence[Stretch]], modules: Modules
    ) -> None:
        self.stretches = stretches
        self.results = lowered.captured.results
        self.graph = fx.Graph()
        self.build = Builder(self.graph, lowered.captured.constants)
        self.image = self.graph.placeholder("image")
        self.names = {axes: f"piece{i}" for i, axes in enumerate(modules)}

    def rows(self, parts: Piece) -> list[Any]:
        """The results of all pieces that are these along the first axes."""
        k = len(parts)
        if k == len(self.stretches):
            return self._run(parts)
        found = [self.rows((*parts, part)) for part in self.stretches[k]]
        if len(found) == 1:
            return found[0]
        leaves = zip(self.results, zip(*found, strict=True), strict=True)
        return [self._join(same, k) if is_tensor(leaf) else same[0] for leaf, same in leaves]

    def _run(self, piece: Piece) -> list[Any]:
        """The results of one piece."""
        x = self.image
        for k, part in enumerate(piece):
            x = self.build.cut(x, 2 + k, part.start, part.stop)
        out = self.graph.call_module(self.names[tuple(part.axis for part in piece)], (x,))
        return [self.build.call(operator.getitem, out, i) for i in range(len(self.results))]

    def _join(self, leaves: Sequence[Any], k: int) -> fx.Node:
        """Results of the stretches of axis k, in the order of the windows and each once."""
        dim, windows = k - len(self.stretches), [w for p in self.stretches[k] for w in p.windows]
        x = self.build.cat(list(leaves), dim)
        places = {w: place for place, w in enumerate(windows)}
        order = [places[w] for w in range(len(places))]
        if order == list(range(len(order))):
            return x
        table = self.build.constant(order)
        return self.build.call(aten.index_select.default, x, dim, table)
