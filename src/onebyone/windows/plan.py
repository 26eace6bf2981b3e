"""The plan for one image size: pieces of the image, a graph for each, and how they are joined."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd, prod
from typing import Any

import torch
from torch import fx, nn

from onebyone.errors import InputError
from onebyone.graphs.aten import aten, value_of
from onebyone.windows.axis import Axis
from onebyone.windows.bands import band_windows
from onebyone.windows.blocks import Builder
from onebyone.windows.cut import Sharing, share
from onebyone.windows.emission import emit
from onebyone.windows.levels import module_of
from onebyone.windows.lowering import Lowered
from onebyone.windows.memory import by_window, for_some, peak_elements

# Larger bands recompute less where they meet; this much fits the machines that people have.
DEFAULT_MEMORY = 2 * 2**30


@dataclass(frozen=True)
class Geometry:
    """Windows of one size at one stride.

    Attributes:
        window: (C, *space).
        stride: pixels from one window to the next along each axis.
        padding: "crop" or "image".
    """

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str

    def grid(self, size: Sequence[int]) -> tuple[int, ...]:
        """Number of windows along each axis of an image."""
        return tuple(
            (n - h) // s + 1 for n, h, s in zip(size, self.window[1:], self.stride, strict=True)
        )


@dataclass(frozen=True)
class Plan:
    """The network at every window of an image of one size.

    Attributes:
        size: of the image, without batch and channels.
        grid: number of windows along each axis.
        module: a plain graph that takes [B, C, *size] and gives each output as [B, ..., *grid].
        sharing: what is shared in the largest piece.
        pieces: number of pieces (bands, or shifts of the image) that are run one by one.
        multiply_adds: operations of all pieces for one image; a multiplication and an addition
            are two.
        crops: the same for running every crop.
    """

    size: tuple[int, ...]
    grid: tuple[int, ...]
    module: fx.GraphModule
    sharing: Sharing
    pieces: int
    multiply_adds: int
    crops: int

    @property
    def ratio(self) -> float:
        """Operations of crops over operations of this plan."""
        return self.crops / self.multiply_adds if self.multiply_adds else 1.0

    def through(self, wrap: Callable[[fx.GraphModule], nn.Module]) -> nn.Module:
        """The module with something else in the place of each piece's graph.

        Args:
            wrap: makes of a graph a module that takes and gives the same.
        """
        if self.pieces == 1:
            return wrap(self.module)
        children = {
            name: wrap(child) if isinstance(child, fx.GraphModule) else child
            for name, child in self.module.named_children()
        }
        return module_of(self.module.graph, **children)


@dataclass(frozen=True)
class _Stretch:
    """Windows `first, first + step, ...` along one axis, and the pixels that hold them."""

    axis: Axis
    start: int
    stop: int
    windows: range


def make_plan(
    lowered: Lowered, geometry: Geometry, size: tuple[int, ...], memory: int | None
) -> Plan:
    """Plan an image size.

    Args:
        lowered: the network.
        geometry: the windows.
        size: of the image.
        memory: bytes that intermediate results of one image may take, as estimated.

    Raises:
        InputError: one row of windows does not fit into the memory asked for.
    """
    grid = geometry.grid(size)
    if geometry.padding == "image":
        stretches = _shifts(lowered, geometry, size, grid)
    else:
        stretches = _bands(lowered, geometry, grid, memory)
    cut = geometry.padding == "crop"
    shares: dict[tuple[Axis, ...], Sharing] = {}
    work = 0
    for parts in product(*stretches):
        axes = tuple(part.axis for part in parts)
        if axes not in shares:
            shares[axes] = share(lowered, axes, cut=cut)
        work += sum(shares[axes].multiply_adds.values())
    crops = sum(lowered.multiply_adds.values()) * prod(grid)
    modules = {axes: emit(lowered, sharing) for axes, sharing in shares.items()}
    module = _joined(lowered, stretches, modules)
    largest = max(shares, key=lambda axes: prod(axis.m for axis in axes))
    pieces = prod(len(parts) for parts in stretches)
    return Plan(size, grid, module, shares[largest], pieces, work, crops)


def _shifts(
    lowered: Lowered, geometry: Geometry, size: tuple[int, ...], grid: tuple[int, ...]
) -> list[list[_Stretch]]:
    """The image shifted by each residue of the stride modulo the network's own."""
    stretches = []
    for total, h, s, n, m in zip(
        lowered.shared_stride, geometry.window[1:], geometry.stride, size, grid, strict=True
    ):
        count = total // gcd(s, total)
        found = []
        for first in range(min(count, m)):
            shift = first * s % total
            windows = range(first, m, count)
            t = s * count if len(windows) > 1 else 0
            axis = Axis(h, len(windows), t, 1, 0, h, n - shift, first * s - shift)
            found.append(_Stretch(axis, shift, n, windows))
        stretches.append(found)
    return stretches


def _bands(
    lowered: Lowered, geometry: Geometry, grid: tuple[int, ...], memory: int | None
) -> list[list[_Stretch]]:
    """Bands of windows whose intermediate results fit: fewer rows first, then fewer columns."""
    limit = DEFAULT_MEMORY if memory is None else memory
    shape = list(grid)
    for k in range(len(grid)):
        while (needed := bytes_needed(lowered, geometry, shape)) > limit:
            if shape[k] == 1:
                break
            # Memory grows more slowly than the windows do, so this never takes too few of them.
            shape[k] = max(1, min(shape[k] - 1, int(shape[k] * limit / needed)))
    if memory is not None and needed > limit:
        raise InputError(
            f"memory={memory} bytes is too little: one window needs about {needed} bytes"
        )
    stretches = []
    for h, s, m, most in zip(geometry.window[1:], geometry.stride, grid, shape, strict=True):
        # Bands of one size need one graph; the last one may repeat some windows of the one before.
        rows = -(-m // -(-m // most))
        axis = Axis.of_image(h, s, rows)
        starts = [min(first, m - rows) for first in range(0, m, rows)]
        stretches.append(
            [_Stretch(axis, a * s, (a + rows - 1) * s + h, range(a, a + rows)) for a in starts]
        )
    return stretches


def bytes_needed(lowered: Lowered, geometry: Geometry, grid: Sequence[int]) -> int:
    """An estimate of what intermediate results take for a grid of windows, run in one piece."""
    axes = tuple(
        Axis.of_image(h, s, m)
        for h, s, m in zip(geometry.window[1:], geometry.stride, grid, strict=True)
    )
    found = share(lowered, axes).axes
    alone = by_window(lowered, found)
    band = for_some(found, 0, band_windows(lowered, found, alone))
    size: int = value_of(lowered.captured.image).element_size()
    return peak_elements(lowered, band, alone) * size


def _joined(
    lowered: Lowered,
    stretches: list[list[_Stretch]],
    modules: dict[tuple[Axis, ...], fx.GraphModule],
) -> fx.GraphModule:
    """One graph that runs the pieces one after the other and joins their results."""
    if all(len(found) == 1 for found in stretches):
        return next(iter(modules.values()))
    graph = fx.Graph()
    constants = lowered.captured.constants
    build = Builder(graph, constants)
    image = graph.placeholder("image")
    names = {axes: f"piece{i}" for i, axes in enumerate(modules)}
    results = lowered.captured.results

    def piece(parts: tuple[_Stretch, ...]) -> list[Any]:
        x = image
        for k, part in enumerate(parts):
            x = build.cut(x, 2 + k, part.start, part.stop)
        out = graph.call_module(names[tuple(part.axis for part in parts)], (x,))
        return [build.call(operator.getitem, out, i) for i in range(len(results))]

    def join(leaves: Sequence[Any], k: int) -> Any:
        x = build.call(aten.cat.default, list(leaves), k - len(stretches))
        places = {w: place for place, w in enumerate(w for p in stretches[k] for w in p.windows)}
        order = [places[w] for w in range(len(places))]
        if order == list(range(len(order))):
            return x
        table = build.constant(torch.tensor(order))
        return build.call(aten.index_select.default, x, k - len(stretches), table)

    def rows(parts: tuple[_Stretch, ...]) -> list[Any]:
        k = len(parts)
        if k == len(stretches):
            return piece(parts)
        found = [rows((*parts, part)) for part in stretches[k]]
        if len(found) == 1:
            return found[0]
        return [
            join(leaves, k) if isinstance(value_of(result), torch.Tensor) else leaves[0]
            for result, leaves in zip(results, zip(*found, strict=True), strict=True)
        ]

    graph.output(tuple(rows(())))
    children = {names[axes]: module for axes, module in modules.items()}
    return module_of(graph, constants=constants, **children)
