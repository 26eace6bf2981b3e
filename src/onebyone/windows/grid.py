"""The network at a grid of windows: where every value lies, and what is run for each window."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import cache, cached_property

from torch import fx

from onebyone.windows.axis import Part
from onebyone.windows.cut import Axes
from onebyone.windows.lowering import Lowered
from onebyone.windows.steps import Reduction


@dataclass(frozen=True)
class Grid:
    """A network at a grid of windows.

    Attributes:
        lowered: the network.
        axes: of the image and of every step.
        alone: the nodes that are run for each window.
        thrift: how many times less than usual is run at a time, where memory is scarce.
    """

    lowered: Lowered
    axes: Mapping[fx.Node, Axes]
    alone: Set[fx.Node]
    thrift: int = 1

    @classmethod
    def of(cls, lowered: Lowered, axes: Mapping[fx.Node, Axes], thrift: int = 1) -> "Grid":
        """The grid of windows with these axes."""
        return cls(lowered, axes, _alone(lowered, axes), thrift)

    @property
    def image(self) -> Axes:
        """The axes of the image."""
        return self.axes[self.lowered.captured.image]

    @property
    def cached(self) -> int:
        """Numbers in the largest value of what is run at a time."""
        return max(1, self.lowered.target.cached // self.thrift)

    @cached_property
    def windows(self) -> tuple[int, ...]:
        """Number of windows along each axis."""
        return tuple(axis.m for axis in self.image)

    def some(self, k: int, count: int) -> "Grid":
        """The same with `count` windows along axis k, on the same lattices."""
        some = cache(lambda axis: replace(axis.cropped(), m=count))  # most maps lie as others do
        axes = {
            node: (*found[:k], some(found[k]), *found[k + 1 :]) for node, found in self.axes.items()
        }
        return replace(self, axes=axes)

    def is_shared(self, node: fx.Node) -> bool:
        """Whether windows share anything of a value."""
        return any(axis.shared for axis in self.axes.get(node, ()))


def _alone(lowered: Lowered, axes: Mapping[fx.Node, Axes]) -> Set[fx.Node]:
    """The nodes of which nothing is shared, or to which edges were joined."""
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
