"""Where sharing ends: the axes of every value for one grid of windows, and the cheapest cut.

Windows share what they hold in common, but a thin lattice can have holes, and narrow shares can
cost more than they save. Once sharing has ended for a value along an axis, it has ended for all
that is computed from it, and where it ends the windows are gathered. The cheapest set of such
values is a minimum cut.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from types import MappingProxyType

import numpy as np
from torch import fx

from onebyone.graphs.minimum_cut import LARGEST, minimum_cut
from onebyone.windows.axis import Axis
from onebyone.windows.lowering import Lowered
from onebyone.windows.movers import Strip

Axes = tuple[Axis, ...]
Ended = Mapping[str, frozenset[int]]


@dataclass(frozen=True)
class Sharing:
    """The axes of every step for one grid of windows, and what that costs.

    Attributes:
        lowered: the network.
        axes: of the image and of every step.
        ended: the axes along which sharing is ended at a step because it does not pay, by the
            step's name.
    """

    lowered: Lowered
    axes: Mapping[fx.Node, Axes]
    ended: Ended

    @cached_property
    def multiply_adds(self) -> dict[fx.Node, int]:
        """Operations of every node that reads windows, over all windows."""
        return self._over_windows(self.lowered.multiply_adds)

    @cached_property
    def elements(self) -> dict[fx.Node, int]:
        """Numbers that every such node writes, over all windows."""
        return self._over_windows(self.lowered.elements)

    def ending(self, node: fx.Node) -> str:
        """Why sharing ends at a node for the first time; nothing where it does not."""
        before = [self.axes[n] for n in node.all_input_nodes if n in self.axes]
        if not any(axis.shared for found in before for axis in found):
            return ""
        if node not in self.lowered.steps:
            return self.lowered.reasons.get(node, "")
        axes = self.axes[node]
        lost = [
            k for k, axis in enumerate(axes) if not axis.shared and all(b[k].shared for b in before)
        ]
        if not lost:
            return ""
        unpaid = set(lost) <= self.ended.get(node.name, frozenset())
        why = "costs more than it saves" if unpaid else "padding reaches every position"
        return why if len(lost) == len(axes) else f"{why}, along axis {', '.join(map(str, lost))}"

    def _over_windows(self, amounts: Mapping[fx.Node, int]) -> dict[fx.Node, int]:
        return {
            node: _over_windows(self.lowered, self.axes, node, amount)
            for node, amount in amounts.items()
        }


def share(lowered: Lowered, image: Axes, ended: Ended = MappingProxyType({})) -> Sharing:
    """Propagate the image's axes through all steps.

    Args:
        lowered: the network.
        image: the axes of the image.
        ended: where sharing is ended for its cost.
    """
    axes: dict[fx.Node, Axes] = {lowered.captured.image: image}
    for node, step in lowered.steps.items():
        out = step.axes([axes[source] for source in step.sources])
        stop = ended.get(node.name, frozenset())
        axes[node] = tuple(a.ended() if k in stop else a for k, a in enumerate(out))
    return Sharing(lowered, axes, ended)


def cheapest(lowered: Lowered, image: Axes) -> Sharing:
    """The sharing that costs least: it is ended where that is cheaper."""
    ended: dict[str, frozenset[int]] = {}
    sharing = share(lowered, image)
    for k in range(len(image)):
        for node in _dearer(lowered, sharing.axes, k):
            ended[node.name] = ended.get(node.name, frozenset()) | {k}
        sharing = share(lowered, image, ended)
    return sharing


def _over_windows(
    lowered: Lowered, axes: Mapping[fx.Node, Axes], node: fx.Node, amount: int
) -> int:
    """What a node takes for all windows, from what it takes for one."""
    if node not in lowered.steps:
        return amount * prod(axis.m for axis in axes[lowered.captured.image])
    return amount * _computed(lowered, axes, node) // _unit(lowered, node)


def _computed(lowered: Lowered, axes: Mapping[fx.Node, Axes], node: fx.Node, skip: int = -1) -> int:
    """Positions at which a step does its work, over all axes but one."""
    step = lowered.steps[node]
    pairs = zip(axes[step.sources[0]], axes[node], strict=True)
    return prod(step.computed(k, a, b) for k, (a, b) in enumerate(pairs) if k != skip)


def _unit(lowered: Lowered, node: fx.Node) -> int:
    """Positions at which a step does its work for one window by itself."""
    step = lowered.steps[node]
    positions = lowered.layout_of(step.sources[0]).positions
    return prod(step.unit(k, n) for k, n in enumerate(positions))


def _dearer(lowered: Lowered, axes: Mapping[fx.Node, Axes], k: int) -> list[fx.Node]:
    """The steps for which sharing along axis k costs more than it saves."""
    nodes = [lowered.captured.image, *lowered.multiply_adds]
    # The image is shared, and what is shared no more stays so.
    shared, ended = np.full(len(nodes), np.inf), np.zeros(len(nodes))
    shared[0], ended[0] = 0, np.inf
    gathered = np.zeros(len(nodes))
    for place, node in enumerate(nodes):
        if node not in axes or not axes[node][k].shared:
            continue
        gathered[place] = _gathered(lowered, axes, node, k)
        if place:
            step = lowered.steps[node]
            work = work_of(lowered, node) / _unit(lowered, node)
            work *= _computed(lowered, axes, node, skip=k)
            before, after = axes[step.sources[0]][k], axes[node][k]
            shared[place] = work * step.computed(k, before, after) + _joins(lowered, axes, node, k)
            ended[place] = work * step.computed(k, before.ended(), after.ended())
    if np.all((shared <= ended) | np.isinf(shared)):
        return []
    places = {node: place for place, node in enumerate(nodes)}
    reads = [
        (places[source], place)
        for node, place in places.items()
        for source in node.all_input_nodes
        if source in places
    ]
    stopped = _minimum_cut(shared, ended, gathered, reads)
    return [node for node, place in places.items() if stopped[place] and np.isfinite(shared[place])]


def work_of(lowered: Lowered, node: fx.Node) -> int:
    """What a node takes for one window: operations, and as many as writing its numbers takes."""
    return lowered.multiply_adds[node] + lowered.target.costs.written * lowered.elements[node]


def _joins(lowered: Lowered, axes: Mapping[fx.Node, Axes], node: fx.Node, k: int) -> int:
    """What it takes to join the blocks that a step's edges along axis k read."""
    step = lowered.steps[node]
    source = step.sources[0]
    before, after = axes[source][k], axes[node][k]
    moves = any(mover.reaches for mover in step.movers)
    if not (moves and before.shared):
        return 0
    layout = lowered.layout_of(source)
    readings = [step.movers[k].reading(before, after, part).request for part in after.parts]
    read = sum(len(found.positions) for found in readings if isinstance(found, Strip))
    numbers = layout.channels * read * after.m * _computed(lowered, axes, node, skip=k)
    return lowered.target.costs.joined * len(layout.dims) * numbers  # once along each axis


def _gathered(lowered: Lowered, axes: Mapping[fx.Node, Axes], node: fx.Node, k: int) -> int:
    """What it takes to gather the windows of a value along axis k, where sharing ends behind it."""
    layout = lowered.layout_of(node)
    others = prod(axis.size for j, axis in enumerate(axes[node]) if j != k)
    numbers = layout.channels * axes[node][k].n * axes[node][k].m * others
    return lowered.target.costs.joined * len(layout.dims) * numbers


def _minimum_cut(
    shared: np.ndarray, ended: np.ndarray, gathered: np.ndarray, reads: list[tuple[int, int]]
) -> np.ndarray:
    """Which values to end: an ended value's readers are ended, and the total cost is least.

    Args:
        shared: cost of each value if it is shared.
        ended: its cost if it is not.
        gathered: its cost beside, once, if it is shared and one of its readers is not.
        reads: pairs (value, reader).
    """
    count = len(shared)
    costs = np.concatenate([ended, shared, gathered])
    scale = (LARGEST - len(costs)) / costs[np.isfinite(costs)].sum()
    # Behind each value stands what gathers its windows, ended where one of its readers is.
    shared, ended = (np.concatenate([cost * scale, np.zeros(count)]) for cost in (shared, ended))
    gathers = {(count + value, value): cost for value, cost in enumerate(gathered * scale)}
    implied = reads + [(reader, count + value) for value, reader in reads]
    return minimum_cut(shared, ended, implied, gathers)[:count]
