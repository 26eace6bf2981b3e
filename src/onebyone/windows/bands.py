"""Bands: what windows share, computed for some rows of them at a time.

Along the first axis windows share their values, and each is computed once for all of them. For a
large image that is more than the processor's cache holds. So it is computed for some windows along
this axis at a time, and of every value those places are kept that the next band reads again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor, fx

from onebyone.graphs.aten import value_of
from onebyone.windows import memory
from onebyone.windows.axis import Part
from onebyone.windows.cut import Axes
from onebyone.windows.lowering import Lowered, is_size
from onebyone.windows.memory import for_some, sizes
from onebyone.windows.movers import Kernel, Lattice
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


PER_WEIGHT = 20
"""Numbers that a band computes for each weight: every band fetches all weights anew."""


def band_windows(lowered: Lowered, axes: Mapping[fx.Node, Axes], alone: set[fx.Node]) -> int:
    """How many windows along the first axis are run at a time: all where bands do not pay.

    Few enough for what a band computes of the largest value to stay in the cache, and enough for
    what it computes in all to outweigh the weights.
    """
    first = axes[lowered.captured.image][0]
    if not _can_continue(lowered, axes, alone):
        return first.m
    one, largest, total = for_some(axes, 0, 1), 1, 1
    for node in lowered.steps:
        axis = one[node][0]
        if axis.shared:
            found = [size * axis.t // axis.length for size in sizes(lowered, one, alone, node, 0)]
            largest, total = max([largest, *found]), total + sum(found)
    count = max(1, memory.CACHED // largest, PER_WEIGHT * _weights(lowered, alone) // total)
    return -(-first.m // -(-first.m // count)) if count < first.m else first.m  # of nearly one size


def _weights(lowered: Lowered, alone: set[fx.Node]) -> int:
    """How many weights the steps have that windows share."""
    return sum(
        value_of(source).numel()
        for node in lowered.steps
        if node not in alone
        for source in node.all_input_nodes
        if source not in lowered.dependent and isinstance(value_of(source), Tensor)
    )


def _can_continue(lowered: Lowered, axes: Mapping[fx.Node, Axes], alone: set[fx.Node]) -> bool:
    """Whether a band can continue where another ended, at every shared step."""
    if any(axis.extent is not None for found in axes.values() for axis in found):
        return False  # the image's border is padded, not the bands'
    return axes[lowered.captured.image][0].m > 1 and all(
        isinstance(step, Reduction) or isinstance(step.movers[0], Kernel)
        for node, step in lowered.steps.items()
        if axes[node][0].shared and node not in alone
    )


def stored(
    lowered: Lowered, axes: Mapping[fx.Node, Axes], alone: set[fx.Node]
) -> dict[fx.Node, Stored]:
    """What a band stores of each value after another band.

    Args:
        lowered: the network.
        axes: of the windows of the band.
        alone: the nodes that are run for each window.
    """
    image = lowered.captured.image
    new = {node: _new(axes, node, step, alone) for node, step in lowered.steps.items()}
    found = {}
    for node in (image, *lowered.steps):
        needed = min(_needed(lowered, axes, alone, new, node), default=0)
        # The image is at hand.
        skipped = needed if node is image else min(needed, new[node])
        found[node] = Stored(skipped, 0 if node is image else new[node] - skipped)
    return found


def _new(axes: Mapping[fx.Node, Axes], node: fx.Node, step: Step, alone: set[fx.Node]) -> int:
    """The first place of a value that the windows before do not have."""
    axis = axes[node][0]
    if not axis.shared or node in alone or isinstance(step, Reduction):
        return 0
    return max(0, axis.length - axis.m * axis.t)


def _needed(
    lowered: Lowered,
    axes: Mapping[fx.Node, Axes],
    alone: set[fx.Node],
    new: Mapping[fx.Node, int],
    node: fx.Node,
) -> Iterator[int]:
    """The first place of a value that each of its users reads."""
    if node in lowered.captured.results:
        yield 0
    for user in node.users:
        step = lowered.steps.get(user)
        if step is None and is_size(user):
            continue
        if (
            step is None
            or user in alone
            or isinstance(step, Reduction)
            or axes[user][0].parts != (Part.SHARED,)
        ):
            yield 0  # read window by window
            continue
        request = step.movers[0].reading(axes[node][0], axes[user][0], Part.SHARED)
        assert isinstance(request.request, Lattice)
        yield request.request.start + new[user] * request.stride
