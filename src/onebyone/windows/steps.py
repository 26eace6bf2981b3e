"""What a captured node is to the windows: a step that can be shared, and how it is emitted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from math import prod
from typing import Any

from torch import fx

from onebyone.windows.axis import Axis, Part
from onebyone.windows.blocks import ZERO, Builder, Fill, Layout, Parts, Windowed
from onebyone.windows.movers import Kernel, Lattice, Mixing, Mover, Reading, Strip
from onebyone.windows.reading import read
from onebyone.windows.spread import to_map


class NotShared(Exception):
    """Why an operator ends sharing."""


@dataclass(frozen=True)
class Place:
    """The part of the output that an operator is being emitted for.

    Attributes:
        axes: the output's axes.
        parts: the part of each.
        readings: what is read of the first input along each axis.
        first: the first place along the first axis that is emitted.
    """

    axes: tuple[Axis, ...]
    parts: Parts
    readings: tuple[Reading, ...]
    first: int = 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Length of the emitted tensor along each axis."""
        whole = [a.places(p) for a, p in zip(self.axes, self.parts, strict=True)]
        return (whole[0] - self.first, *whole[1:])


Apply = Callable[[Builder, list[fx.Node], Place], fx.Node]


@dataclass(frozen=True)
class Step:
    """A local operator: every part of its output is made from a stretch of its inputs.

    Attributes:
        node: the captured node.
        sources: the captured nodes that carry windows.
        movers: how positions move along each axis.
        layout: of the output.
        apply: emits the operator on the stretches that were read, one for each source.
        strided: whether `apply` takes the strides at which they are read; otherwise it is given the
            places that they leave.
        fill: what lies outside a window.
        on_map: emits the operator on the whole map where padding touches the image's border only;
            without it, or without padding, `apply` does.
    """

    node: fx.Node
    sources: tuple[fx.Node, ...]
    movers: tuple[Mover, ...]
    layout: Layout
    apply: Apply
    strided: bool = False
    fill: Fill = ZERO
    on_map: Apply | None = None

    def axes(self, inputs: Sequence[tuple[Axis, ...]]) -> tuple[Axis, ...]:
        """The output's axes from those of every source."""
        first, *others = inputs
        met = list(first)
        for other in others:
            met = [a.meet(b) for a, b in zip(met, other, strict=True)]
        after = tuple(
            mover.after(axis, n)
            for mover, axis, n in zip(self.movers, met, self.layout.positions, strict=True)
        )
        whole_map = any(axis.extent is not None for axis in after)
        if whole_map and not all(axis.shared for axis in after):
            return tuple(axis.ended() for axis in after)  # a map has a border on every axis or none
        return after

    def computed(self, k: int, axis: Axis, out: Axis) -> int:
        """Positions along axis k at which the work is done."""
        return self.movers[k].computed(axis, out)

    def unit(self, k: int, n: int) -> int:
        """The same for one window by itself, which has n positions before the step."""
        return self.movers[k].unit(n, self.layout.positions[k])

    def block(
        self,
        build: Builder,
        inputs: list[Windowed],
        axes: tuple[Axis, ...],
        parts: Parts,
        first: int = 0,
    ) -> fx.Node:
        """One block of the output, from this place of the first axis on."""
        readings = [
            tuple(
                mover.reading(source, out, part).behind(0 if k else first)
                for k, (mover, source, out, part) in enumerate(
                    zip(self.movers, value.axes, axes, parts, strict=True)
                )
            )
            for value in inputs
        ]
        place = Place(axes, parts, readings[0], first)
        batch = [
            k
            for k, (mover, part) in enumerate(zip(self.movers, parts, strict=True))
            if part is not Part.SHARED and not mover.dilates
        ]
        if self.on_map is not None and self._pads_map(axes):
            return self.on_map(build, [value.blocks[parts] for value in inputs], place)
        tensors = []
        for value, found in zip(inputs, readings, strict=True):
            x = read(build, value, [r.request for r in found], self.fill, batch)
            tensors.append(x if self.strided else _thinned(build, x, value.layout, found))
        x = self.apply(build, tensors, place)
        if not batch:
            return x
        windows = [axis.m if k in batch else 1 for k, axis in enumerate(axes)]
        places = [(n // m, m) for n, m in zip(place.sizes, windows, strict=True)]
        return to_map(build, x, self.layout, places)

    def _pads_map(self, axes: Sequence[Axis]) -> bool:
        """Whether the image's border is padded, not each window's."""
        whole_map = all(axis.extent is not None for axis in axes)
        return whole_map and any(mover.pads for mover in self.movers)


def _thinned(build: Builder, x: fx.Node, layout: Layout, readings: Sequence[Reading]) -> fx.Node:
    """What was read of lattices that the output has only some places of."""
    for dim, reading in zip(layout.dims, readings, strict=True):
        if reading.stride > 1:
            assert isinstance(reading.request, Lattice)
            x = build.cut(x, dim, 0, reading.request.length, reading.stride)
    return x


@dataclass(frozen=True)
class Extent:
    """What a block holds of every window along one axis.

    Attributes:
        first: the first position.
        count: how many positions.
        dilation: places from one position to the next.
        stride: places from one window to the next.
        windows: how many there are.
    """

    first: int
    count: int
    dilation: int
    stride: int
    windows: int


Share = Callable[[Builder, fx.Node, tuple[Extent, ...]], fx.Node]


@dataclass(frozen=True)
class Reduction(Step):
    """A step over whole windows: what each block holds of a window adds its share.

    The result of window i lies at place i of a lattice of its own, so what follows stays a map.
    `apply` is for the joined shares.

    Attributes:
        share: emits the share of a block, one value for each window.
        combine: joins two shares.
        least: how many windows there must be for shares to pay where windows have edges.
    """

    share: Share = field(kw_only=True)
    combine: Any = field(kw_only=True)
    least: int = 1

    def axes(self, inputs: Sequence[tuple[Axis, ...]]) -> tuple[Axis, ...]:
        """One place for each window; where nothing is shared any more it stays so."""
        axes, whole = inputs[0], {(Part.SHARED,)}
        few = prod(axis.m for axis in axes) < self.least
        if not any(axis.shared for axis in axes) or (few and {a.parts for a in axes} != whole):
            return tuple(axis.ended(1) for axis in axes)
        return tuple(Axis(1, a.m, int(a.m > 1), 1, 0, 1) for a in axes)

    def computed(self, k: int, axis: Axis, out: Axis) -> int:  # noqa: ARG002 - same for every k
        """One result for each window."""
        return out.m

    def unit(self, k: int, n: int) -> int:  # noqa: ARG002 - same for every k
        """One result."""
        return 1

    def block(
        self,
        build: Builder,
        inputs: list[Windowed],
        axes: tuple[Axis, ...],
        parts: Parts,
        first: int = 0,
    ) -> fx.Node:
        """The shares of every block of the input, joined."""
        (value,) = inputs
        shares = (self._share(build, value, found) for found in value.parts)
        x = reduce(partial(build.call, self.combine), shares)
        return self.apply(build, [x], Place(axes, parts, (), first))

    def _share(self, build: Builder, value: Windowed, parts: Parts) -> fx.Node:
        axes = [axis.cropped() for axis in value.axes]
        requests: list[Lattice | Strip] = []
        extents = []
        for axis, part in zip(axes, parts, strict=True):
            first, stop = axis.positions(part)
            if part is Part.SHARED:
                requests.append(Lattice(0, axis.length))
                extents.append(Extent(first, stop - first, axis.u, max(axis.t, 1), axis.m))
            else:
                requests.append(Strip(range(first, stop)))
                extents.append(Extent(first, stop - first, axis.m, 1, axis.m))
        return self.share(build, read(build, value, requests), tuple(extents))


def identity(rank: int) -> tuple[Kernel, ...]:
    """Movers that leave every position where it is."""
    return (Kernel(),) * rank


def mixing(layout: Layout, dims: Sequence[int]) -> tuple[Mover, ...]:
    """Movers that mix the axes at these dimensions and leave the others."""
    return tuple(Mixing() if dim in dims else Kernel() for dim in layout.dims)


def replaced(shape: Sequence[int], dims: Sequence[int], sizes: Sequence[Any]) -> list[Any]:
    """The shape of one window with other sizes at the axes' dimensions (1 is the first)."""
    out = list(shape)
    for dim, size in zip(dims, sizes, strict=True):
        out[dim - 1] = size
    return out
