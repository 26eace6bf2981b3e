"""Writing the graph of all windows, in bands along the first axis where that is faster."""

import operator
from itertools import product

from torch import fx

from onebyone.windows.axis import Part
from onebyone.windows.bands import Stored, band_windows, stored
from onebyone.windows.blocks import Builder
from onebyone.windows.grid import Grid
from onebyone.windows.levels import Block, Level, dividing, is_tensor


def emit(grid: Grid) -> fx.GraphModule:
    """The network at every window of a grid as a plain graph of ATen operators.

    Returns:
        A module that takes an image [B, C, *size] and gives each leaf of the network's output as
        [B, ..., *grid]. Parameters are those of the live network.
    """
    most = band_windows(grid)
    if most < grid.windows[0]:
        return _in_bands(grid, most)
    level = Level(grid)
    level.begin()
    return level.module(grid.lowered.captured.results)


def _in_bands(grid: Grid, most: int) -> fx.GraphModule:
    """The graph that runs bands of `most` windows one after the other; the first has the rest."""
    captured, results = grid.lowered.captured, grid.lowered.captured.results
    after = stored(grid.some(0, most))
    kept: dict[Block, int] = {
        (node, parts): found.kept
        for node, found in after.items()
        if found.kept
        for parts in product(*(axis.parts for axis in grid.axes[node]))
        if parts[0] is Part.SHARED
    }
    pixels, rows = grid.image[0], grid.lowered.layout.dims[0]
    rest = (pixels.m - 1) % most + 1
    first = Level(grid.some(0, rest), stored={})
    first.begin()
    other = Level(grid.some(0, most), stored=after)
    other.begin(kept)
    children = {"first": first.module(results, kept), "next": other.module(results, kept)}

    graph = fx.Graph()
    build, image = Builder(graph, captured.constants), graph.placeholder("image")

    def run(name: str, level: Level, start: int, before: list[fx.Node]) -> list[fx.Node]:
        axis = level.grid.image[0]
        skipped = level.stored.get(captured.image, Stored()).skipped
        x = build.cut(image, rows, start * pixels.t + skipped, start * pixels.t + axis.length)
        constants = [build.copies(node) for node, _ in level.received]
        out = graph.call_module(name, (x, *before, *constants))
        return [build.call(operator.getitem, out, i) for i in range(len(results) + len(kept))]

    bands = [run("first", first, 0, [])]
    for start in range(rest, pixels.m, most):
        bands.append(run("next", other, start, bands[-1][len(results) :]))
    graph.output(
        tuple(
            build.cat([band[i] for band in bands], -len(grid.windows)) if is_tensor(leaf) else leaf
            for i, leaf in enumerate(results)
        )
    )
    graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output", "call_module"))
    return dividing(graph, model=captured.model, constants=captured.constants, **children)
