"""A captured graph read as steps on windows; nothing here depends on an image's size."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import torch
from torch import fx, nn

from onebyone.graphs.aten import value_of, window_shape
from onebyone.graphs.capture import Captured, capture
from onebyone.graphs.operations import elements, multiply_adds
from onebyone.graphs.value import Batch
from onebyone.windows.blocks import Layout
from onebyone.windows.operators import OPERATORS, Call, elementwise, is_elementwise
from onebyone.windows.steps import NotShared, Reduction, Step
from onebyone.windows.target import Target


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
        shared_stride: the least common multiple of the image pixels per position over all maps
            that can be shared, along each axis.
        stride: the same over all maps, the network's own total stride; the window's size where
            no operator looks at less than the window.
        target: the machine that runs it.
    """

    captured: Captured
    layout: Layout
    steps: Mapping[fx.Node, Step]
    reasons: Mapping[fx.Node, str]
    dependent: frozenset[fx.Node]
    multiply_adds: Mapping[fx.Node, int]
    elements: Mapping[fx.Node, int]
    shared_stride: tuple[int, ...]
    stride: tuple[int, ...]
    target: Target

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.captured.model, self.layout.shape, self.target)

    def layout_of(self, node: fx.Node) -> Layout:
        """Where a node that carries windows, the image or a step, keeps the axes."""
        return self.layout if node is self.captured.image else self.steps[node].layout


def _again(model: nn.Module, window: tuple[int, ...], target: Target) -> Lowered:
    """A copy's own: captured again, since a graph and its steps are no plain data."""
    return lower(capture(model, window), window, target)


def lower(network: Captured, window: tuple[int, ...], target: Target) -> Lowered:
    """Read a captured graph as steps.

    Args:
        network: captured, for one window.
        window: (C, *space).
        target: the machine that is to run it.
    """
    image = network.image
    layouts = {image: Layout(tuple(range(2, len(window) + 1)), window)}
    steps: dict[fx.Node, Step] = {}
    reasons: dict[fx.Node, str] = {}
    dependent, pixels = {image}, _Pixels(image, layouts[image])
    for node in network.graph.nodes:
        if node.op == "output" or not set(node.all_input_nodes) & dependent or is_size(node):
            continue
        dependent.add(node)
        try:
            steps[node] = _step(node, layouts, dependent)
            layouts[node] = steps[node].layout
        except NotShared as verdict:
            if str(verdict):
                reasons[node] = str(verdict)
        pixels.follow(node, steps.get(node))
    work = [n for n in network.graph.nodes if n in dependent and n is not image]
    return Lowered(
        network, layouts[image], steps, reasons, frozenset(dependent),
        {n: multiply_adds(n) for n in work}, {n: elements(n) for n in work},
        pixels.multiple([image, *steps]),
        pixels.multiple(pixels.at) if pixels.local else layouts[image].positions,
        target,
    )  # fmt: skip


def is_size(node: fx.Node) -> bool:
    """Whether a node is a size that follows from the batch."""
    return isinstance(value_of(node), int | Batch)


def read(call: Call) -> Step:
    """The step that a call is, whatever its sources are.

    Raises:
        NotShared: it can be none.
    """
    target = call.node.target
    if not isinstance(target, torch._ops.OpOverload):
        raise NotShared("is not captured")
    if window_shape(call.node) is None:
        raise NotShared("moves the batch from the first dimension")
    found = OPERATORS.get(target)
    if found is None and not is_elementwise(target):
        raise NotShared("mixes positions")
    return (found or elementwise)(call)


def _step(node: fx.Node, layouts: dict[fx.Node, Layout], dependent: set[fx.Node]) -> Step:
    call = Call(node, layouts)
    if not call.sources:
        raise NotShared
    sources = [layouts[n] for n in call.sources]
    if all(layout.flat and set(layout.positions) == {1} for layout in sources):
        raise NotShared  # no positions are left: nothing is lost
    if any(n in dependent and n not in layouts for n in node.all_input_nodes):
        raise NotShared("joins a map with a value for each window")
    return read(call)


class _Pixels:
    """Image pixels per position at every map of the network, also where sharing has ended."""

    def __init__(self, image: fx.Node, layout: Layout) -> None:
        self.layouts = {image: layout}
        self.at = {image: (Fraction(1),) * len(layout.dims)}
        self.local = False

    def follow(self, node: fx.Node, step: Step | None) -> None:
        """Note a node's pixels per position, by what it would be if its inputs were shared."""
        sources = [n for n in node.all_input_nodes if n in self.layouts]
        if not sources:  # behind the last map
            return
        try:
            step = step or read(Call(node, self.layouts))
        except NotShared:
            self._like_source(node, sources)
            return
        if isinstance(step, Reduction):
            return
        self.layouts[node] = step.layout
        before = self.at[step.sources[0]]
        self.at[node] = tuple(
            p * times / by
            for p, (times, by) in zip(before, (m.scale for m in step.movers), strict=True)
        )
        if any(mover.reaches or mover.scale != (1, 1) for mover in step.movers):
            self.local = True

    def _like_source(self, node: fx.Node, sources: list[fx.Node]) -> None:
        """An operator that mixes positions but keeps the map's shape keeps its pixels."""
        for source in sources:
            if window_shape(node) == self.layouts[source].shape and not self.layouts[source].flat:
                self.layouts[node], self.at[node] = self.layouts[source], self.at[source]
                return

    def multiple(self, nodes: Iterable[fx.Node]) -> tuple[int, ...]:
        """The least common multiple of the pixels per position of some maps, along each axis."""
        found = [self.at[node] for node in nodes if node in self.at]
        return tuple(
            lcm(*(pixels.numerator for pixels in axis)) for axis in zip(*found, strict=True)
        )
