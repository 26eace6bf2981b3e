"""How much is alive at once, and how many windows are run at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from math import prod

from torch import fx

from onebyone.windows.axis import Part
from onebyone.windows.blocks import Parts
from onebyone.windows.cut import Axes
from onebyone.windows.lowering import Lowered
from onebyone.windows.movers import Kernel
from onebyone.windows.steps import Reduction

CACHED = 2**21
"""Numbers in the largest value of what is run for some windows at a time, 8 MiB in single
precision. It stays in the processor's cache, and the memory is kept for the next piece, where the
C library would fetch larger pieces anew from the system each time."""

PER_BLOCK = 2**20
"""Numbers to write for each block on average, where values stay below four times `CACHED`: a block
takes several operators, and each of them a call."""


def depth(parts: Parts) -> int:
    """How many leading axes are edge: a block belongs to windows along these."""
    return next((k for k, part in enumerate(parts) if part is Part.SHARED), len(parts))


def by_window(lowered: Lowered, axes: Mapping[fx.Node, Axes]) -> set[fx.Node]:
    """The nodes that are run for each window: nothing is shared, or edges were joined to it."""
    found: set[fx.Node] = set()
    for node in lowered.multiply_adds:
        step = lowered.steps.get(node)
        if (
            step is None
            or not any(axis.shared for axis in axes[node])
            or not found.isdisjoint(step.sources)
            or (isinstance(step, Reduction) and _has_edges(axes[step.sources[0]]))
        ):
            found.add(node)
    return found


def _has_edges(axes: Axes) -> bool:
    return any(axis.parts != (Part.SHARED,) for axis in axes)


def for_some(axes: Mapping[fx.Node, Axes], k: int, count: int) -> dict[fx.Node, Axes]:
    """The axes of `count` windows along axis k, on the same lattices."""
    return {
        node: tuple(
            replace(axis.cropped(), m=count) if j == k else axis for j, axis in enumerate(found)
        )
        for node, found in axes.items()
    }


def at_a_time(lowered: Lowered, axes: Mapping[fx.Node, Axes], alone: set[fx.Node], k: int) -> int:
    """How many windows along axis k are run at a time; `alone` is what `by_window` found.

    Few enough for the largest value that belongs to them to stay in the cache, where windows
    along later axes are run one at a time if need be; up to four times as many where calls would
    take longer than what they compute.
    """
    largest = total = 1
    blocks = 0
    for level in range(k + 1, len(lowered.layout.dims) + 1):
        axes = for_some(axes, level - 1, 1)
        for node in lowered.multiply_adds:
            found = list(sizes(lowered, axes, alone, node, level))
            largest, total = max([largest, *found]), total + sum(found)
            blocks += len(found)
    enough = PER_BLOCK * blocks // total
    return max(1, CACHED // largest, min(enough, 4 * CACHED // largest))


def sizes(
    lowered: Lowered, axes: Mapping[fx.Node, Axes], alone: set[fx.Node], node: fx.Node, level: int
) -> Iterator[int]:
    """Numbers in each block of a node that is emitted at a level."""
    rank = len(lowered.layout.dims)
    if node in alone:
        if level == rank:
            windows = prod(axis.m for axis in axes[lowered.captured.image])
            yield lowered.elements[node] * windows
        return
    channels = lowered.layout_of(node).channels
    for parts in product(*(axis.parts for axis in axes[node])):
        if depth(parts) == level:
            yield channels * prod(
                axis.places(part) for axis, part in zip(axes[node], parts, strict=True)
            )


def peak_elements(lowered: Lowered, axes: Mapping[fx.Node, Axes], alone: set[fx.Node]) -> int:
    """An estimate of the most numbers that are alive at once for one image.

    What later levels read is kept to the end of its level; beside it are alive, while a step runs,
    its output, its inputs, and a copy of its inputs with their halo.
    """
    peak = kept = 0
    for level in range(len(lowered.layout.dims) + 1):
        if level:
            windows = axes[lowered.captured.image][level - 1].m
            count = min(at_a_time(lowered, axes, alone, level - 1), windows)
            axes = for_some(axes, level - 1, count)
        passing = 0
        own = {
            node: sum(sizes(lowered, axes, alone, node, level))
            for node in (lowered.captured.image, *lowered.multiply_adds)
        }
        for node, size in own.items():
            read = sum(own[source] for source in node.all_input_nodes if source in own)
            passing = max(passing, size + 2 * read)
        peak = max(peak, kept + passing)
        kept += sum(size for node, size in own.items() if _is_kept(lowered, alone, node))
        peak = max(peak, kept)
    return peak


def _is_kept(lowered: Lowered, alone: set[fx.Node], node: fx.Node) -> bool:
    """Whether what is run for some windows reads around a node's blocks."""
    return any(
        user in alone
        or len(lowered.steps[user].sources) > 1
        or any(not isinstance(m, Kernel) or m.size > 1 for m in lowered.steps[user].movers)
        for user in node.users
        if user in lowered.multiply_adds
    )
