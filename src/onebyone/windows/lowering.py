"""A captured graph read as steps on windows; nothing here depends on an image's size."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

import torch
from torch import fx

from onebyone.graphs.aten import value_of, window_shape
from onebyone.graphs.capture import Captured
from onebyone.graphs.operations import elements, multiply_adds
from onebyone.windows.axis import Kernel
from onebyone.windows.blocks import Layout
from onebyone.windows.operators import OPERATORS, Call, elementwise
from onebyone.windows.steps import NotShared, Step, WindowLevel


@dataclass(frozen=True)
class Lowered:
    """What each node of a captured graph is to the windows.

    Attributes:
        captured: the network.
        layout: of the image, one window.
        steps: the nodes that can be shared.
        reasons: why another node that reads shared values cannot be.
        dependent: the nodes whose value depends on the windows.
        multiply_adds: operations of each node for one window.
        elements: numbers that each node writes for one window.
        stride: the network's own total stride along each axis; the window's size where no
            operator looks at less than the window.
    """

    captured: Captured
    layout: Layout
    steps: Mapping[fx.Node, Step]
    reasons: Mapping[fx.Node, str]
    dependent: frozenset[fx.Node]
    multiply_adds: Mapping[fx.Node, int]
    elements: Mapping[fx.Node, int]
    stride: tuple[int, ...]

    def positions(self, node: fx.Node) -> tuple[int, ...]:
        """Positions of one window along each axis, at a node that carries windows."""
        layout = self.layout if node is self.captured.image else self.steps[node].layout
        return layout.positions


def lower(captured: Captured, window: tuple[int, ...]) -> Lowered:
    """Read a captured graph as steps.

    Args:
        captured: the network for one window.
        window: (C, *space).
    """
    image = captured.image
    layouts = {image: Layout(tuple(range(2, len(window) + 1)), window)}
    steps: dict[fx.Node, Step] = {}
    reasons: dict[fx.Node, str] = {}
    dependent = {image}
    for node in captured.graph.nodes:
        if node.op == "output" or not set(node.all_input_nodes) & dependent or is_size(node):
            continue
        dependent.add(node)
        try:
            steps[node] = _step(node, layouts, dependent)
            layouts[node] = steps[node].layout
        except NotShared as verdict:
            if str(verdict):
                reasons[node] = str(verdict)
    work = [n for n in captured.graph.nodes if n in dependent and n is not image]
    return Lowered(
        captured, layouts[image], steps, reasons, frozenset(dependent),
        {n: multiply_adds(n) for n in work}, {n: elements(n) for n in work},
        _total_stride(image, layouts[image], steps),
    )  # fmt: skip


def is_size(node: fx.Node) -> bool:
    """Whether a node is a size that follows from the batch."""
    return isinstance(value_of(node), int | torch.SymInt)


def _step(node: fx.Node, layouts: dict[fx.Node, Layout], dependent: set[fx.Node]) -> Step:
    call = Call(node, layouts)
    if not call.sources:
        raise NotShared
    sources = [layouts[n] for n in call.sources]
    if all(layout.flat and set(layout.positions) == {1} for layout in sources):
        raise NotShared  # no positions are left: nothing is lost
    if any(n in dependent and n not in layouts for n in node.all_input_nodes):
        raise NotShared("joins a map with a value for each window")
    read = OPERATORS.get(node.target)
    if read is None:
        if not isinstance(node.target, torch._ops.OpOverload):
            raise NotShared("is not captured")
        if torch.Tag.pointwise not in node.target.tags:
            raise NotShared("mixes positions")
        read = elementwise
    if window_shape(node) is None:
        raise NotShared("moves the batch from the first dimension")
    return read(call)


def _total_stride(
    image: fx.Node, layout: Layout, steps: Mapping[fx.Node, Step]
) -> tuple[int, ...]:
    """The least common multiple of the pixels per position that occur, along each axis."""
    rank = len(layout.dims)
    pixels = {image: (Fraction(1),) * rank}
    local = False
    for node, step in steps.items():
        before = pixels[step.sources[0]]
        if isinstance(step, WindowLevel):
            pixels[node] = before
            continue
        pixels[node] = tuple(
            p * times / by
            for p, (times, by) in zip(before, (m.scale for m in step.movers), strict=True)
        )
        local = local or any(not isinstance(m, Kernel) or m.size > 1 or m.stride > 1 for m in step.movers)
    if not local:
        return layout.positions
    return tuple(lcm(*(p[k].numerator for p in pixels.values())) for k in range(rank))


