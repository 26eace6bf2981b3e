"""Reading stretches of blocks: pieces of every part, joined along one axis after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from torch import fx

from onebyone.graphs.aten import aten
from onebyone.windows.axis import Axis, Part
from onebyone.windows.blocks import ZERO, Builder, Fill, Parts, Windowed
from onebyone.windows.movers import Lattice, Strip
from onebyone.windows.spread import Spread, pairs_of

Request = Lattice | Strip


def read(
    build: Builder,
    value: Windowed,
    requests: Sequence[Request],
    fill: Fill = ZERO,
    batch: Sequence[int] = (),
) -> fx.Node:
    """One tensor with the requested stretch of every axis, padding filled in.

    Args:
        build: where to write.
        value: what is read.
        requests: a `Lattice` stays shared; a `Strip` is read for every window.
        fill: what lies outside a window.
        batch: the axes whose windows go to the batch, in the order image, first axis, second.
    """
    key = (id(value), tuple(requests), fill, tuple(batch))
    return build.once(key, lambda: _Reader(build, value, requests, fill, batch).read())


def read_windows(build: Builder, value: Windowed) -> fx.Node:
    """The windows themselves, [batch · windows, ...], as the captured tensor lies."""
    whole = [Strip(range(axis.n)) for axis in value.axes]
    x = read(build, value, whole, batch=range(len(whole)))
    if value.layout.flat:
        return build.call(aten.reshape.default, x, [-1, prod(value.layout.shape)])
    return x


@dataclass(frozen=True)
class _Run:
    """Positions first, first + step, ... of one part; padding has no part."""

    part: Part | None
    first: int
    count: int
    step: int


class _Reader:
    """Joins the blocks of a value along one axis after the other; arguments are those of `read`."""

    def __init__(
        self,
        build: Builder,
        value: Windowed,
        requests: Sequence[Request],
        fill: Fill,
        batch: Sequence[int],
    ) -> None:
        self.build, self.value, self.requests = build, value, requests
        self.fill, self.batch = fill, batch
        self.spread = Spread(build, value.layout)
        self.runs = [self._runs(k) for k in range(len(requests))]

    def read(self) -> fx.Node:
        """One tensor with what is requested of every axis."""
        stretches = [stretch for k in range(len(self.requests)) if (stretch := self._stretch(k))]
        if len(stretches) == len(self.requests) and not self.batch:
            return self._slice(stretches)
        axes = self.value.axes
        wanted = [self._wanted(k) for k in range(len(axes))]
        tensors = {
            parts: self._split(parts)
            for parts in self.value.parts
            if all(part in wanted[k] for k, part in enumerate(parts))
        }
        for k in range(len(axes)):
            groups: dict[Parts, dict[Part, fx.Node]] = {}
            for (part, *rest), block in tensors.items():
                groups.setdefault(tuple(rest), {})[part] = block
            tensors = {rest: self._join(k, found) for rest, found in groups.items()}
        return self.spread.merge(tensors[()], [self._length(k) for k in range(len(axes))])

    def _runs(self, k: int) -> list[_Run]:
        """The requested positions as runs of one part each; none for a stretch of the lattice."""
        request, axis = self.requests[k], self.value.axes[k]
        if isinstance(request, Lattice):
            return []
        source = np.array(request.positions)
        if self.fill.mode == "constant":
            source = np.where((source < 0) | (source >= axis.n), -1, source)
        else:
            before, behind = self.fill.before[k], self.fill.behind[k]
            padded = np.pad(np.arange(axis.n), (before, behind), mode=self.fill.mode)  # type: ignore[call-overload]  # the mode is one of NumPy's
            source = padded[source + before]
        return list(_runs(axis, source.tolist()))

    def _stretch(self, k: int) -> tuple[Part, int, int] | None:
        """The part that holds all that is requested without gaps, and from which place to which."""
        request, axis = self.requests[k], self.value.axes[k]
        if isinstance(request, Lattice):
            start = request.start + self.value.start(k)
            return Part.SHARED, start, start + request.length
        run, *more = self.runs[k]
        if more or run.part is None or run.part is Part.SHARED or run.step != 1:
            return None
        start = (run.first - axis.positions(run.part)[0]) * axis.m
        return run.part, start, start + run.count * axis.m

    def _slice(self, stretches: Sequence[tuple[Part, int, int]]) -> fx.Node:
        """What lies in one block without gaps."""
        value = self.value
        x = value.blocks[tuple(part for part, _, _ in stretches)]
        for k, (part, start, stop) in enumerate(stretches):
            dim, full = value.layout.dims[k], value.places(k, part)
            x = self._cut(x, dim, start, stop - start, 1, full)
        return x

    def _wanted(self, k: int) -> set[Part]:
        """The parts to read; where all is padding, one to take the shape from."""
        axis = self.value.axes[k]
        if isinstance(self.requests[k], Lattice):
            return {Part.SHARED}
        return {run.part for run in self.runs[k] if run.part} or {axis.parts[0]}

    def _split(self, parts: Parts) -> fx.Node:
        block = self.value.blocks[parts]
        pairs = pairs_of(self.value, parts)
        return self.build.once((block, "spread"), lambda: self.spread.split(block, pairs))

    def _join(self, k: int, found: dict[Part, fx.Node]) -> fx.Node:
        """What is requested along axis k; the last axis brings windows to the batch."""
        request, dim = self.requests[k], self.spread.dim(k)
        if isinstance(request, Lattice):
            start, full = request.start + self.value.start(k), self.value.places(k, Part.SHARED)
            pieces = [self._cut(found[Part.SHARED], dim, start, request.length, 1, full)]
        else:
            pieces = [
                self._piece(k, found[run.part], run) if run.part else self._outside(k, found, run)
                for run in self.runs[k]
            ]
        if self.batch and k == len(self.requests) - 1:
            order = self._windows_first()
            pieces = [self.build.call(aten.permute.default, x, order) for x in pieces]
            dim = order.index(dim)
        return self.build.cat(pieces, dim)

    def _piece(self, k: int, x: fx.Node, run: _Run) -> fx.Node:
        """The tensor that holds a run of positions of every window."""
        axis, dim = self.value.axes[k], self.spread.dim(k)
        assert run.part is not None
        start, stop = axis.positions(run.part)
        if run.part is not Part.SHARED:
            return self._cut(x, dim, run.first - start, run.count, run.step, stop - start)
        first, step = self.value.start(k) + (run.first - axis.a) * axis.u, run.step * axis.u
        if axis.m == 1:
            return self._cut(x, dim, first, run.count, step, self.value.places(k, run.part))
        return self._gather(k, x, first, run.count, step)

    def _gather(self, k: int, x: fx.Node, first: int, count: int, step: int) -> fx.Node:
        """Places first, first + step, ... of the lattice for every window."""
        axis, dim, build = self.value.axes[k], self.spread.dim(k), self.build
        span, last = (count - 1) * abs(step) + 1, self.spread.last
        lowest, full = min(first, first + (count - 1) * step), self.value.places(k, Part.SHARED)
        x = self._cut(x, dim, lowest, (axis.m - 1) * axis.t + span, 1, full)
        x = build.call(aten.squeeze.dim, x, dim + 1)
        x = build.call(aten.unfold.default, x, dim, span, axis.t)  # windows, ..., places
        x = self._cut(x, last, 0 if step > 0 else span - 1, count, step, span)
        order = list(range(last))
        return build.call(aten.permute.default, x, [*order[:dim], last, *order[dim:]])

    def _outside(self, k: int, found: dict[Part, fx.Node], run: _Run) -> fx.Node:
        """A run of padding."""
        x, dim = found.get(Part.SHARED) or next(iter(found.values())), self.spread.dim(k)
        x = self.build.call(aten.full_like.default, self.build.cut(x, dim, 0, 1), self.fill.value)
        sizes = [-1] * (self.spread.last + 1)
        sizes[dim : dim + 2] = run.count, self.value.axes[k].m
        return self.build.call(aten.expand.default, x, sizes)

    def _cut(self, x: fx.Node, dim: int, start: int, count: int, step: int, full: int) -> fx.Node:
        """Places start, start + step, ... of a dimension of this length."""
        if (start, count, step) == (0, full, 1):
            return x
        end = start + (count - 1) * step
        x = self.build.cut(x, dim, min(start, end), max(start, end) + 1, abs(step))
        return x if step > 0 else self.build.call(aten.flip.default, x, [dim])

    def _windows_first(self) -> list[int]:
        """The order of dimensions with the windows of batched axes behind the batch."""
        windows = [self.spread.dim(k) + 1 for k in self.batch]
        return [0, *windows, *(d for d in range(1, self.spread.last + 1) if d not in windows)]

    def _length(self, k: int) -> int:
        """Length of axis k of the result."""
        request = self.requests[k]
        if isinstance(request, Lattice):
            return request.length
        return len(request.positions) * (1 if k in self.batch else self.value.axes[k].m)


def _runs(axis: Axis, positions: list[int]) -> Iterator[_Run]:
    """Split positions into runs of equal steps within one part; padding (-1) has none."""
    parts = [_part(axis, p) for p in positions]
    start = 0
    while start < len(positions):
        stop, step = start + 1, 0
        while stop < len(positions) and parts[stop] is parts[start]:
            difference = positions[stop] - positions[stop - 1]
            if parts[start] is not None and (difference == 0 or step not in (0, difference)):
                break
            stop, step = stop + 1, difference
        yield _Run(parts[start], positions[start], stop - start, step or 1)
        start = stop


def _part(axis: Axis, position: int) -> Part | None:
    """The part that holds a position."""
    for part in axis.parts:
        start, stop = axis.positions(part)
        if start <= position < stop:
            return part
    return None
