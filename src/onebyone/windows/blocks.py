"""Feature maps of all windows as blocks: one plain tensor for each product of parts.

A block has the layout of the captured tensor. Along a shared axis its dimension is the lattice;
along an edge axis it is the positions of that part, and the windows are in the batch, in the
order image, first axis, second axis, third.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from onebyone.graphs.aten import aten
from onebyone.windows.axis import Axis, Part
from onebyone.windows.movers import Lattice, Strip

Parts = tuple[Part, ...]
Request = Lattice | Strip


@dataclass(frozen=True)
class Layout:
    """Where a captured tensor keeps the axes.

    Attributes:
        dims: the dimension of each axis; the batch is dimension 0.
        shape: the shape of one window, without the batch.
        flat: whether the captured tensor is this one with all but the batch flattened.
    """

    dims: tuple[int, ...]
    shape: tuple[int, ...]
    flat: bool = False

    @property
    def others(self) -> tuple[int, ...]:
        """The dimensions that are neither the batch nor an axis."""
        return tuple(d for d in range(1, len(self.shape) + 1) if d not in self.dims)

    @property
    def positions(self) -> tuple[int, ...]:
        """Positions of one window along each axis."""
        return tuple(self.shape[d - 1] for d in self.dims)


@dataclass(frozen=True, eq=False)
class Windowed:
    """The values of all windows at one place of the network."""

    axes: tuple[Axis, ...]
    layout: Layout
    blocks: dict[Parts, fx.Node]

    @property
    def parts(self) -> Iterator[Parts]:
        """The products of parts that are not empty."""
        return product(*(axis.parts for axis in self.axes))


@dataclass(frozen=True)
class Fill:
    """What lies outside a window: a constant, or its own positions by NumPy's padding modes."""

    value: float = 0.0
    mode: str = "constant"
    before: tuple[int, ...] = ()
    behind: tuple[int, ...] = ()


ZERO = Fill()


class Builder:
    """Writes the emitted graph: slices, gathers and concatenations of blocks."""

    def __init__(
        self,
        graph: fx.Graph,
        constants: nn.Module,
        copies: Callable[[fx.Node], fx.Node] = lambda node: node,
    ) -> None:
        """Write into a graph.

        Args:
            graph: the emitted graph.
            constants: the module that keeps tables, the graph's child of that name.
            copies: finds what has become of a captured node that is the same for every window.
        """
        self.graph, self.constants, self.copies = graph, constants, copies
        self._read: dict[Any, fx.Node] = {}

    def constant(self, table: torch.Tensor) -> fx.Node:
        """A table of integers, kept once for equal ones."""
        kept = dict(self.constants.named_buffers())
        equal = (name for name, other in kept.items() if torch.equal(other.cpu(), table))
        name = next(equal, f"table{len(kept)}")
        if name not in kept:
            self.constants.register_buffer(name, table, persistent=False)
        return self.graph.get_attr(f"constants.{name}")

    def call(self, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        """Emit one operator."""
        return self.graph.call_function(target, args, kwargs)

    def cut(self, x: fx.Node, dim: int, start: int, stop: int, step: int = 1) -> fx.Node:
        """A slice of one dimension."""
        return self.call(aten.slice.Tensor, x, dim, start, stop, step)

    def cat(self, tensors: list[fx.Node], dim: int) -> fx.Node:
        """Several tensors joined along one dimension; one is itself."""
        return tensors[0] if len(tensors) == 1 else self.call(aten.cat.default, tensors, dim)

    def read(self, value: Windowed, requests: Sequence[Request], fill: Fill = ZERO) -> fx.Node:
        """One tensor with the requested stretch of every axis, padding filled in.

        A `Lattice` stays shared; a `Strip` is read for every window, which go to the batch.
        """
        key = (id(value), tuple(requests), fill)
        if key not in self._read:
            self._read[key] = _Reader(self, value, requests, fill).read()
        return self._read[key]

    def windows(self, value: Windowed) -> fx.Node:
        """The windows themselves, [batch · windows, ...], as the captured tensor lies."""
        whole = [Strip(0, axis.n) for axis in value.axes]
        x = self.read(value, whole)
        return (
            self.call(aten.reshape.default, x, [-1, prod(value.layout.shape)])
            if value.layout.flat
            else x
        )

    def on_grid(self, x: fx.Node, grid: Sequence[Any], rest: Sequence[int]) -> fx.Node:
        """A value for each window, [B · windows, *rest], as [B, *rest, *grid]."""
        x = self.call(aten.reshape.default, x, [-1, *grid, *rest])
        first = 1 + len(grid)
        behind = range(first, first + len(rest))
        return self.call(aten.permute.default, x, [0, *behind, *range(1, first)])


class _Reader:
    """Joins the blocks of a value along one axis after the other."""

    def __init__(
        self, build: Builder, value: Windowed, requests: Sequence[Request], fill: Fill
    ) -> None:
        self.build, self.value, self.requests, self.fill = build, value, requests, fill
        self.runs = [self._runs(k) for k in range(len(requests))]

    def read(self) -> fx.Node:
        axes = self.value.axes
        wanted = [{piece.part for piece in self._pieces(k)} for k in range(len(axes))]
        tensors = {
            parts: self.value.blocks[parts]
            for parts in self.value.parts
            if all(part in wanted[k] for k, part in enumerate(parts))
        }
        for k in range(len(axes)):
            groups: dict[Parts, dict[Part, fx.Node]] = {}
            for (part, *rest), block in tensors.items():
                groups.setdefault(tuple(rest), {})[part] = block
            tensors = {rest: self._join(k, rest, found) for rest, found in groups.items()}
        return tensors[()]

    def _runs(self, k: int) -> list[tuple[int, int, int]]:
        """The requested positions as runs (first, count, step); -1 as first is padding."""
        request, axis = self.requests[k], self.value.axes[k]
        if isinstance(request, Lattice):
            return []
        source = np.arange(request.lo, request.hi)
        if self.fill.mode == "constant":
            source = np.where((source < 0) | (source >= axis.n), -1, source)
        else:
            before, behind = self.fill.before[k], self.fill.behind[k]
            padded = np.pad(np.arange(axis.n), (before, behind), mode=self.fill.mode)  # type: ignore[call-overload]  # the mode is one of NumPy's
            source = padded[source + before]
        return list(_consecutive(source.tolist()))

    def _pieces(self, k: int) -> Iterator["_Piece"]:
        axis = self.value.axes[k]
        if isinstance(self.requests[k], Lattice):
            yield _Piece(Part.SHARED, 0, axis.length)
            return
        inside = [run for run in self.runs[k] if run[0] >= 0] or [self._nearest(k)]
        for run in inside:
            yield from _split(axis, run)

    def _nearest(self, k: int) -> tuple[int, int, int]:
        """A position to take the shape from, where all that is asked for is padding."""
        request, axis = self.requests[k], self.value.axes[k]
        assert isinstance(request, Strip)
        return (min(max(request.lo, 0), axis.n - 1), 1, 1)

    def _join(self, k: int, rest: Parts, found: dict[Part, fx.Node]) -> fx.Node:
        request, axis, dim = self.requests[k], self.value.axes[k], self.value.layout.dims[k]
        if isinstance(request, Lattice):
            start = request.start + axis.origin
            return self._cut(found[Part.SHARED], dim, start, request.length, axis.length)
        inside = [run for run in self.runs[k] if run[0] >= 0] or [self._nearest(k)]
        tensors = {run: self._run(k, rest, found, run) for run in inside}
        joined = []
        for run in self.runs[k]:
            # Padding is joined like any piece, so that every number is copied once.
            joined += tensors.get(run) or [self._outside(tensors[inside[0]][0], dim)] * run[1]
        return self.build.cat(joined, dim)

    def _run(
        self, k: int, rest: Parts, found: dict[Part, fx.Node], run: tuple[int, int, int]
    ) -> list[fx.Node]:
        """The tensors that hold a run of positions, in its order."""
        axis, dim = self.value.axes[k], self.value.layout.dims[k]
        tensors = []
        for piece in _split(axis, run):
            block = found[piece.part]
            if piece.part is Part.SHARED:
                tensors.append(self._gather(k, rest, block, piece.lo, piece.hi))
            else:
                start, stop = axis.positions(piece.part)
                tensors.append(
                    self._cut(block, dim, piece.lo - start, piece.hi - piece.lo, stop - start)
                )
        if run[2] > 0:
            return tensors
        return [self.build.call(aten.flip.default, x, [dim]) for x in reversed(tensors)]

    def _outside(self, x: fx.Node, dim: int) -> fx.Node:
        """One position of padding beside a tensor."""
        return self.build.call(
            aten.full_like.default, self.build.cut(x, dim, 0, 1), self.fill.value
        )

    def _gather(self, k: int, rest: Parts, block: fx.Node, lo: int, hi: int) -> fx.Node:
        """Positions [lo, hi) of every window from the lattice; the windows go to the batch."""
        axis, dim = self.value.axes[k], self.value.layout.dims[k]
        start, span = axis.origin + (lo - axis.a) * axis.u, (hi - lo - 1) * axis.u + 1
        build = self.build
        x = self._cut(block, dim, start, (axis.m - 1) * axis.t + span, axis.length)
        if axis.m == 1:
            return x if axis.u == 1 else build.cut(x, dim, 0, span, axis.u)
        x = build.call(aten.unfold.default, x, dim, span, axis.t)
        last = len(self.value.layout.shape) + 1
        if axis.u > 1:
            x = build.cut(x, last, 0, span, axis.u)
        return self._windows_to_batch(k, rest, x, hi - lo)

    def _windows_to_batch(self, k: int, rest: Parts, x: fx.Node, count: int) -> fx.Node:
        """[batch, ..., windows, ..., count] -> [batch · windows, ..., count, ...].

        The copy is written with the channels last in memory, as convolutions and poolings of two
        and three axes are fastest.
        """
        layout, axes = self.value.layout, self.value.axes
        sizes = list(layout.shape)
        for j, dim in enumerate(layout.dims):
            sizes[dim - 1] = count if j == k else self._size(j, k, rest)
        own, last = layout.dims[k], len(sizes) + 1
        # Windows of later axes are in the batch already; those of this axis belong before them.
        later = prod(axes[k + 1 + j].m for j, part in enumerate(rest) if part is not Part.SHARED)
        shape = list(sizes)
        shape[own - 1] = axes[k].m
        x = self.build.call(aten.reshape.default, x, [-1, later, *shape, count])
        order = [*layout.dims, *layout.others] if len(axes) > 1 else list(range(1, last))
        moved = [1 + (last if d == own else d) for d in order]
        x = self.build.call(aten.permute.default, x, [0, 1 + own, 1, *moved])
        x = self.build.call(aten.reshape.default, x, [-1, *(sizes[d - 1] for d in order)])
        back = [0] + [1 + order.index(d) for d in range(1, last)]
        return x if back == sorted(back) else self.build.call(aten.permute.default, x, back)

    def _size(self, j: int, k: int, rest: Parts) -> int:
        """Length of axis j while axis k is being read: the earlier ones have been."""
        if j > k:
            return self.value.axes[j].places(rest[j - k - 1])
        request = self.requests[j]
        return request.length if isinstance(request, Lattice) else request.hi - request.lo

    def _cut(self, x: fx.Node, dim: int, start: int, length: int, full: int) -> fx.Node:
        return x if (start, length) == (0, full) else self.build.cut(x, dim, start, start + length)


@dataclass(frozen=True)
class _Piece:
    """Positions [lo, hi) within one part."""

    part: Part
    lo: int
    hi: int


def _split(axis: Axis, run: tuple[int, int, int]) -> Iterator[_Piece]:
    """The pieces of a run (first, count, step), in order of position."""
    first, count, step = run
    lo, hi = (first, first + count) if step > 0 else (first - count + 1, first + 1)
    for part in axis.parts:
        start, stop = axis.positions(part)
        if max(lo, start) < min(hi, stop):
            yield _Piece(part, max(lo, start), min(hi, stop))


def _consecutive(source: list[int]) -> Iterator[tuple[int, int, int]]:
    """Split positions into runs that go up or down by one; padding (-1) makes runs of its own."""
    start = 0
    while start < len(source):
        stop, step = start + 1, 0
        while stop < len(source):
            difference = source[stop] - source[stop - 1]
            if source[start] < 0 or source[stop] < 0:
                if source[start] != source[stop]:
                    break
            elif abs(difference) != 1 or step not in (0, difference):
                break
            else:
                step = difference
            stop += 1
        yield source[start], stop - start, step or 1
        start = stop
