"""Bands: what windows share, computed for some rows of them at a time.

Along the first axis windows share their values, and each is computed once for all of them. For a
large image that is more than the processor's cache holds. So it is computed for some windows along
this axis at a time, and of every value those places are kept that the next band reads again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import fx

from onebyone.graphs.aten import value_of
from onebyone.graphs.value import Value
from onebyone.windows.axis import Part
from onebyone.windows.grid import Grid
from onebyone.windows.lowering import is_size
from onebyone.windows.memory import sizes
from onebyone.windows.movers import Lattice
from onebyone.windows.steps import Reduction, Step


@dataclass(frozen=True)
class Stored:
    """What a band stores of a value's lattice along the first axis.

    Attributes:
        skipped: places before those that are stored.
        kept: the first of the stored places, which the band before has computed.
    """

    skipped: int = 0
    kept: int = 0

    @property
    def new(self) -> int:
        """The first place that the band computes."""
        return self.skipped + self.kept


def band_windows(grid: Grid) -> int:
    """How many windows along the first axis are run at a time: all where bands do not pay.

    Few enough for what a band computes of the largest value to stay in the cache, and enough for
    what it computes in all to outweigh the weights.
    """
    windows = grid.windows[0]
    if not _can_continue(grid):
        return windows
    one, largest, total = grid.some(0, 1), 1, 1
    for node in grid.lowered.steps:
        axis = one.axes[node][0]
        if axis.shared:
            found = [size * axis.t // axis.length for size in sizes(one, node, 0)]
            largest, total = max([largest, *found]), total + sum(found)
    enough = grid.lowered.target.per_weight * _weights(grid) // (total * grid.thrift)
    count = max(1, grid.cached // largest, enough)
    return -(-windows // -(-windows // count)) if count < windows else windows  # of nearly one size


def _weights(grid: Grid) -> int:
    """How many weights the steps have that windows share."""
    lowered = grid.lowered
    return sum(
        value_of(source).elements()
        for node in lowered.multiply_adds
        if node not in grid.alone
        for source in node.all_input_nodes
        if source not in lowered.dependent and isinstance(value_of(source), Value)
    )


def _can_continue(grid: Grid) -> bool:
    """Whether a band can continue where another ended, at every shared step."""
    if any(axis.extent is not None for found in grid.axes.values() for axis in found):
        return False  # the image's border is padded, not the bands'
    return grid.windows[0] > 1 and all(
        isinstance(step, Reduction) or step.movers[0].continues
        for node, step in grid.lowered.steps.items()
        if grid.axes[node][0].shared and node not in grid.alone
    )


def stored(band: Grid) -> dict[fx.Node, Stored]:
    """What a band of windows stores of each value after another band."""
    image, steps = band.lowered.captured.image, band.lowered.steps
    new = {node: _new(band, node, step) for node, step in steps.items()}
    found = {}
    for node in (image, *steps):
        needed = min(_needed(band, new, node), default=0)
        # The image is at hand.
        skipped = needed if node is image else min(needed, new[node])
        found[node] = Stored(skipped, 0 if node is image else new[node] - skipped)
    return found


def _new(band: Grid, node: fx.Node, step: Step) -> int:
    """The first place of a value that the windows before do not have."""
    axis = band.axes[node][0]
    if not axis.shared or node in band.alone or isinstance(step, Reduction):
        return 0
    return max(0, axis.length - axis.m * axis.t)


def _needed(band: Grid, new: Mapping[fx.Node, int], node: fx.Node) -> Iterator[int]:
    """The first place of a value that each of its users reads."""
    axes = band.axes
    if node in band.lowered.captured.results:
        yield 0
    for user in node.users:
        step = band.lowered.steps.get(user)
        if step is None and is_size(user):
            continue
        if (
            step is None
            or user in band.alone
            or isinstance(step, Reduction)
            or axes[user][0].parts != (Part.SHARED,)
        ):
            yield 0  # read window by window
            continue
        request = step.movers[0].reading(axes[node][0], axes[user][0], Part.SHARED)
        assert isinstance(request.request, Lattice)
        yield request.request.start + new[user] * request.stride
