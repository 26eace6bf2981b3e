"""Writing what runs a schedule: a graph for each body, in loops one within the other."""

from collections.abc import Sequence
from itertools import product
from typing import Any

from torch import fx, nn

from onebyone.windows.axis import Axis, Part
from onebyone.windows.bands import Stored, stored
from onebyone.windows.blocks import Builder
from onebyone.windows.cut import share
from onebyone.windows.grid import Grid
from onebyone.windows.levels import Block, Body, Level, module_of
from onebyone.windows.looping import Given, Pixels, Stretch, Turns, Whole, in_turns
from onebyone.windows.lowering import Lowered
from onebyone.windows.schedule import Loop, Schedule


def emit(lowered: Lowered, schedule: Schedule) -> nn.Module:
    """The network at every window of an image as graphs of ATen operators, in loops.

    Returns:
        A module that takes an image [B, C, *size] and gives each leaf of the network's output as
        [B, ..., *grid]. Parameters are those of the live network.
    """
    return _pieces(lowered, schedule, ())


def _pieces(lowered: Lowered, schedule: Schedule, image: tuple[Axis, ...]) -> nn.Module:
    """The loops over pieces along the axes that are left; `image` has the axes before them."""
    k, rank = len(image), len(schedule.pieces)
    if k == rank:
        grid = Grid.of(lowered, share(lowered, image, schedule.ended).axes, schedule.thrift)
        return _piece(grid, schedule.loops)
    loop = schedule.pieces[k]
    bodies = {
        name: _pieces(lowered, schedule, (*image, loop.image(turn)))
        for name, turn in loop.bodies.items()
    }
    pixels = Pixels(lowered.layout.dims[k], loop)
    given: dict[str, Given] = {name: [(0, pixels)] for name in bodies}
    return in_turns(loop, bodies, given, k - rank, len(lowered.captured.results))


def _piece(grid: Grid, loops: Sequence[Loop]) -> nn.Module:
    """One piece of the image, in bands where the schedule has some."""
    bands, *others = loops
    bands = bands.of(grid.windows[0])
    if len(bands.turns) > 1:
        return _in_bands(grid, bands, others)
    level = Level(grid, others)
    level.begin()
    return level.module(grid.lowered.captured.results)


def _in_bands(grid: Grid, bands: Loop, others: Sequence[Loop]) -> nn.Module:
    """Bands, each of which goes on from the one before."""
    captured, results = grid.lowered.captured, grid.lowered.captured.results
    following = stored(grid.some(0, bands.most))
    kept: dict[Block, int] = {
        (node, parts): found.kept
        for node, found in following.items()
        if found.kept
        for parts in product(*(axis.parts for axis in grid.axes[node]))
        if parts[0] is Part.SHARED
    }
    made: dict[Any, Body] = {}
    levels = {
        name: Level(
            grid.some(0, len(turn)), others, stored=following if turn.start else {}, made=made
        )
        for name, turn in bands.bodies.items()
    }
    for level in levels.values():
        level.begin(kept if level.stored else ())
    bodies = {name: level.module(results, kept) for name, level in levels.items()}
    constants = list(dict.fromkeys(node for level in levels.values() for node, _ in level.received))
    pixels, rows = grid.image[0], grid.lowered.layout.dims[0]

    def given(level: Level) -> Given:
        skipped = level.stored.get(captured.image, Stored()).skipped
        image = Stretch(rows, skipped, pixels.t, pixels.n - skipped)
        same = [(1 + constants.index(node), Whole()) for node, _ in level.received]
        return [(0, image), *same]

    return Turns(
        bands,
        bodies,
        {name: given(level) for name, level in levels.items()},
        -len(grid.windows),
        len(results),
        _once(grid.lowered, constants),
    )


def _once(lowered: Lowered, nodes: Sequence[fx.Node]) -> fx.GraphModule:
    """What gives values that are the same for every window."""
    graph, captured = fx.Graph(), lowered.captured
    build = Builder(graph, captured.constants, lowered.target)
    graph.output(tuple(build.copies(node) for node in nodes))
    return module_of(graph, model=captured.model, constants=captured.constants)
