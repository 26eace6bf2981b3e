"""Reading stretches of blocks: what several blocks hold of one is joined, axis after axis.

What is joined along some axes is a block, too: written once for all that read it, and received by
later levels as others are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, fx

from onebyone.graphs.aten import aten
from onebyone.windows.axis import Axis, Part
from onebyone.windows.blocks import PLAIN, ZERO, Builder, Fill, Held, Key, Windowed
from onebyone.windows.movers import Lattice, Strip
from onebyone.windows.spread import Spread, merged, split


def read(
    build: Builder,
    value: Windowed,
    requests: Sequence[Lattice | Strip],
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
    key = tuple(_held(value, k, request, fill) for k, request in enumerate(requests))
    if not batch:
        return value.blocks[key]
    return build.once((value, key, tuple(batch)), lambda: _batched(build, value, key, batch))


def read_windows(build: Builder, value: Windowed) -> fx.Node:
    """The windows themselves, [batch · windows, ...], as the captured tensor lies."""
    whole = [Strip(range(axis.n)) for axis in value.axes]
    x = read(build, value, whole, batch=range(len(whole)))
    if value.layout.flat:
        return build.call(aten.reshape.default, x, [-1, prod(value.layout.shape)])
    return x


def joined(build: Builder, value: Windowed, key: Key) -> fx.Node:
    """A block that holds stretches along some axes, from blocks that hold parts along the last."""
    joint = _Joint(build, value, key, max(k for k, h in enumerate(key) if not isinstance(h, Part)))
    if (stretch := joint.stretch()) is not None:
        return joint.cut(*stretch)
    return merged(build, value, key, build.cat(joint.pieces(), joint.dim))


def _batched(build: Builder, value: Windowed, key: Key, batch: Sequence[int]) -> fx.Node:
    """What is read with windows in the batch: they are moved where the last axis is joined."""
    joint = _Joint(build, value, key, len(key) - 1)
    windows = [joint.spread.dim(k) + 1 for k in batch]
    order = [0, *windows, *(d for d in range(1, joint.spread.last + 1) if d not in windows)]
    pieces = [build.permuted(x, order) for x in joint.pieces()]
    sizes = [value.places(k, held) for k, held in enumerate(key)]
    for k in batch:
        sizes[k] //= value.axes[k].m
    return joint.spread.merge(build.cat(pieces, order.index(joint.dim)), sizes)


def _held(value: Windowed, k: int, request: Lattice | Strip, fill: Fill) -> Held:
    """What a block holds along axis k that has what is requested; a whole part is that part."""
    axis = value.axes[k]
    if isinstance(request, Lattice):
        stored = Lattice(request.start + value.start(k), request.length)
        return Part.SHARED if stored == Lattice(0, value.places(k, Part.SHARED)) else stored
    if fill.mode == "constant":
        positions = tuple(p if 0 <= p < axis.n else -1 for p in request.positions)
    else:
        before, behind = fill.before[k], fill.behind[k]
        padded = np.pad(np.arange(axis.n), (before, behind), mode=fill.mode).tolist()  # type: ignore[call-overload]  # the mode is one of NumPy's
        positions = tuple(padded[p + before] for p in request.positions)
    for part in (Part.BEFORE, Part.AFTER):
        if positions == tuple(range(*axis.positions(part))):
            return part
    return Strip(positions, fill.value if -1 in positions else 0.0)


@dataclass(frozen=True)
class _Run:
    """Positions first, first + step, ... of one part; padding has no part."""

    part: Part | None
    first: int
    count: int
    step: int


class _Joint:
    """What blocks that differ along one axis hold of a stretch of it."""

    def __init__(self, build: Builder, value: Windowed, key: Key, k: int) -> None:
        self.build, self.value, self.key, self.k = build, value, key, k
        self.axis, self.held = value.axes[k], key[k]
        self.spread = Spread(build, value.layout)
        self.dim = self.spread.dim(k)
        strip = self.held if isinstance(self.held, Strip) else Strip(())
        self.runs, self.fill = list(_runs(self.axis, strip.positions)), strip.fill

    def stretch(self) -> tuple[Part, int, int] | None:
        """The part that holds all of it without gaps, and from which place to which."""
        if isinstance(self.held, Lattice):
            return Part.SHARED, self.held.start, self.held.start + self.held.length
        run, *more = self.runs
        if more or run.part is None or run.part is Part.SHARED or run.step != 1:
            return None
        start = (run.first - self.axis.positions(run.part)[0]) * self.axis.m
        return run.part, start, start + run.count * self.axis.m

    def cut(self, part: Part, start: int, stop: int) -> fx.Node:
        """These places of a block."""
        block = self.value.blocks[self._key(part)]
        return self.build.cut(block, self.value.layout.dims[self.k], start, stop)

    def pieces(self) -> list[fx.Node]:
        """What each run takes from a block, positions and windows apart."""
        if isinstance(self.held, Part):
            return [self._split(self.held)]
        if isinstance(self.held, Lattice):
            start, length = self.held.start, self.held.length
            return [self.build.cut(self._split(Part.SHARED), self.dim, start, start + length)]
        return [self._piece(run, run.part) if run.part else self._outside(run) for run in self.runs]

    def _key(self, part: Part) -> Key:
        return (*self.key[: self.k], part, *self.key[self.k + 1 :])

    def _split(self, part: Part) -> fx.Node:
        return split(self.build, self.value, self._key(part))

    def _piece(self, run: _Run, part: Part) -> fx.Node:
        """The tensor that holds a run of positions of every window."""
        x, axis = self._split(part), self.axis
        start, stop = axis.positions(part)
        if part is not Part.SHARED:
            return self._cut(x, self.dim, run.first - start, run.count, run.step, stop - start)
        first, step = self.value.start(self.k) + (run.first - start) * axis.u, run.step * axis.u
        full = self.value.places(self.k, part)
        if axis.m == 1:
            return self._cut(x, self.dim, first, run.count, step, full)
        return self._gather(x, first, run.count, step, full)

    def _gather(self, x: fx.Node, first: int, count: int, step: int, full: int) -> fx.Node:
        """Places first, first + step, ... of the lattice for every window."""
        axis, dim, build = self.axis, self.dim, self.build
        span, last = (count - 1) * abs(step) + 1, self.spread.last
        lowest = min(first, first + (count - 1) * step)
        whole = build.call(aten.squeeze.dim, x, dim + 1)
        x = self._cut(whole, dim, lowest, (axis.m - 1) * axis.t + span, 1, full)
        x = build.call(aten.unfold.default, x, dim, span, axis.t)  # windows, ..., places
        x = self._cut(x, last, 0 if step > 0 else span - 1, count, step, span)
        order = list(range(last))
        y = build.call(aten.permute.default, x, [*order[:dim], last, *order[dim:]])
        places = range(first, first + count * step, step)
        y.meta[PLAIN] = _taken, (whole, dim, places, range(0, axis.m * axis.t, axis.t))
        return y

    def _outside(self, run: _Run) -> fx.Node:
        """A run of padding."""
        parts = [run.part for run in self.runs if run.part] or [self.axis.parts[0]]
        x = self._split(Part.SHARED if Part.SHARED in parts else parts[0])
        x = self.build.call(aten.full_like.default, self.build.cut(x, self.dim, 0, 1), self.fill)
        sizes = [-1] * (self.spread.last + 1)
        sizes[self.dim : self.dim + 2] = run.count, self.axis.m
        return self.build.call(aten.expand.default, x, sizes)

    def _cut(self, x: fx.Node, dim: int, start: int, count: int, step: int, full: int) -> fx.Node:
        """Places start, start + step, ... of a dimension of this length."""
        if (start, count, step) == (0, full, 1):
            return x
        end = start + (count - 1) * step
        x = self.build.cut(x, dim, min(start, end), max(start, end) + 1, abs(step))
        return x if step > 0 else self.build.call(aten.flip.default, x, [dim])


def _taken(x: Tensor, dim: int, places: range, windows: range) -> Tensor:
    """These places of a dimension for windows that begin so much later, as two dimensions."""
    found = [place + window for place in places for window in windows]
    table = torch.tensor(found, device=x.device)
    shape = [*x.shape[:dim], len(places), len(windows), *x.shape[dim + 1 :]]
    return x.index_select(dim, table).reshape(shape)


def _runs(axis: Axis, positions: Sequence[int]) -> Iterator[_Run]:
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
