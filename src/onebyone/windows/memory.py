"""How much is alive at once, and how many windows are run at a time."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

from torch import fx

from onebyone.windows.blocks import depth
from onebyone.windows.grid import Grid
from onebyone.windows.schedule import Loop


def at_a_time(grid: Grid, k: int) -> int:
    """How many windows along axis k are run at a time.

    Few enough for the largest value that belongs to them to stay in the cache, where windows
    along later axes are run one at a time if need be; up to four times as many where calls would
    take longer than what they compute.
    """
    largest = total = 1
    blocks = 0
    for level in range(k + 1, len(grid.windows) + 1):
        grid = grid.some(level - 1, 1)
        for node in grid.lowered.multiply_adds:
            found = list(sizes(grid, node, level))
            largest, total = max([largest, *found]), total + sum(found)
            blocks += len(found)
    enough, most = grid.lowered.target.per_block * blocks // total, grid.cached
    return max(1, most // largest, min(enough, 4 * most // largest))


def sizes(grid: Grid, node: fx.Node, level: int) -> Iterator[int]:
    """Numbers in each block of a node that is emitted at a level."""
    if node in grid.alone:
        if level == len(grid.windows):
            yield grid.lowered.elements[node] * prod(grid.windows)
        return
    axes, channels = grid.axes[node], grid.lowered.layout_of(node).channels
    for parts in product(*(axis.parts for axis in axes)):
        if depth(parts) == level:
            yield channels * prod(axis.places(part) for axis, part in zip(axes, parts, strict=True))


def peak_elements(grid: Grid, loops: Sequence[Loop]) -> int:
    """An estimate of the most numbers that are alive at once for one image.

    What later levels read is kept to the end of its level; beside it are alive, while a step runs,
    its output, its inputs, and a copy of its inputs with their halo.

    Args:
        grid: the windows of a piece.
        loops: that are run within it.
    """
    peak = kept = 0
    lowered = grid.lowered
    for level, loop in enumerate(loops):
        grid = grid.some(loop.axis, min(loop.most, grid.windows[loop.axis]))
        passing = 0
        own = {
            node: sum(sizes(grid, node, level))
            for node in (lowered.captured.image, *lowered.multiply_adds)
        }
        for node, size in own.items():
            read = sum(own[source] for source in node.all_input_nodes if source in own)
            passing = max(passing, size + 2 * read)
        peak = max(peak, kept + passing)
        kept += sum(size for node, size in own.items() if _is_kept(grid, node))
        peak = max(peak, kept)
    return peak


def _is_kept(grid: Grid, node: fx.Node) -> bool:
    """Whether what is run for some windows reads around a node's blocks."""
    steps = grid.lowered.steps
    return any(
        user in grid.alone
        or len(steps[user].sources) > 1
        or any(mover.reaches for mover in steps[user].movers)
        for user in node.users
        if user in grid.lowered.multiply_adds
    )
