"""Writing the graph of all windows, in bands along the first axis where that is faster."""

import operator
from collections.abc import Mapping
from itertools import product

from torch import fx

from onebyone.windows.axis import Part
from onebyone.windows.bands import Stored, band_windows, stored
from onebyone.windows.blocks import Builder
from onebyone.windows.cut import Axes, Sharing
from onebyone.windows.levels import Level, is_tensor, module_of
from onebyone.windows.lowering import Lowered
from onebyone.windows.memory import by_window, for_some


def emit(lowered: Lowered, sharing: Sharing) -> fx.GraphModule:
    """The network at every window as a plain graph of ATen operators.

    Args:
        lowered: the network.
        sharing: its axes for one grid of windows.

    Returns:
        A module that takes an image [B, C, *size] and gives each leaf of the network's output as
        [B, ..., *grid]. Parameters are those of the live network.
    """
    axes, results = sharing.axes, lowered.captured.results
    alone = by_window(lowered, axes)
    most = band_windows(lowered, axes, alone)
    if most < axes[lowered.captured.image][0].m:
        return _in_bands(lowered, axes, alone, most)
    level = Level(lowered, axes, alone)
    level.begin()
    return level.module(results)


def _in_bands(
    lowered: Lowered, axes: Mapping[fx.Node, Axes], alone: set[fx.Node], most: int
) -> fx.GraphModule:
    """The graph that runs bands of `most` windows one after the other; the first has the rest."""
    captured, results = lowered.captured, lowered.captured.results
    after = stored(lowered, for_some(axes, 0, most), alone)
    kept = {
        (node, parts): found.kept
        for node, found in after.items()
        if found.kept
        for parts in product(*(axis.parts for axis in axes[node]))
        if parts[0] is Part.SHARED
    }
    pixels, rows = axes[captured.image][0], lowered.layout.dims[0]
    rest = (pixels.m - 1) % most + 1
    first = Level(lowered, for_some(axes, 0, rest), alone, stored={})
    first.begin()
    other = Level(lowered, for_some(axes, 0, most), alone, stored=after)
    other.begin(kept)
    children = {"first": first.module(results, kept), "next": other.module(results, kept)}

    graph = fx.Graph()
    build, image = Builder(graph, captured.constants), graph.placeholder("image")
    copies: dict[fx.Node, fx.Node] = {}

    def copy(node: fx.Node) -> fx.Node:
        if node not in copies:
            copies[node] = graph.node_copy(node, copy)
        return copies[node]

    def run(name: str, level: Level, start: int, before: list[fx.Node]) -> list[fx.Node]:
        axis = level.axes[captured.image][0]
        skipped = level.stored.get(captured.image, Stored()).skipped
        x = build.cut(image, rows, start * pixels.t + skipped, start * pixels.t + axis.length)
        constants = [copy(node) for node, _ in level.received]
        out = graph.call_module(name, (x, *before, *constants))
        return [build.call(operator.getitem, out, i) for i in range(len(results) + len(kept))]

    bands = [run("first", first, 0, [])]
    for start in range(rest, pixels.m, most):
        bands.append(run("next", other, start, bands[-1][len(results) :]))
    graph.output(
        tuple(
            build.cat([band[i] for band in bands], -len(lowered.layout.dims))
            if is_tensor(leaf)
            else leaf
            for i, leaf in enumerate(results)
        )
    )
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output", "call_module"))
    return module_of(graph, model=captured.model, constants=captured.constants, **children)
