"""Poolings, and reductions over the whole window."""

from collections.abc import Sequence
from functools import partial, reduce
from math import prod
from typing import Any

from torch import fx

from onebyone.graphs.aten import aten, per_axis
from onebyone.graphs.canonical import AMAX, AVERAGE_POOLS, MAX_POOLS, MEAN
from onebyone.windows.axis import Part
from onebyone.windows.blocks import PLAIN, Builder, Fill, Layout
from onebyone.windows.movers import Kernel
from onebyone.windows.operators.call import Call, by_dim, operator, unchanged
from onebyone.windows.steps import (
    Extent,
    NotShared,
    Place,
    Reduction,
    Step,
    mixing,
    replaced,
)


def _pooling(call: Call, dilated: bool) -> tuple[tuple[Kernel, ...], list[int]]:
    bound, rank = call.bound, call.rank
    size = per_axis(bound["kernel_size"], rank, 1)
    stride = per_axis(bound["stride"], rank, 1) if bound["stride"] else size
    padding = per_axis(bound["padding"], rank, 0)
    dilation = per_axis(bound["dilation"], rank, 1) if dilated else (1,) * rank
    ceil = bool(bound["ceil_mode"])
    movers = tuple(
        Kernel(size[i], stride[i], dilation[i], padding[i], padding[i], ceil)
        for i in (dim - 2 for dim in call.layout.dims)
    )
    return movers, list(size)


@operator(*MAX_POOLS.values())
def max_pooling(call: Call) -> Step:
    """Max pooling, which has dilation: edges are padded with minus infinity."""
    layout = call.spatial()
    movers, size = _pooling(call, dilated=True)
    target, rank = call.node.target, call.rank

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        (x,) = tensors
        dilated = any(r.dilation > 1 for r in place.readings)
        strides = by_dim(layout, tuple(r.stride for r in place.readings))
        if rank > 1 and not dilated:
            return build.call(target, x, size, strides)
        y = _by_taps(build, x, layout, movers, place, aten.maximum.default)
        if not dilated:  # PyTorch's pooling of a signal puts channels first
            y.meta[PLAIN] = target, (x, size, strides)
        return y

    return call.step(apply, movers, strided=True, fill=Fill(float("-inf")), on_map=call.again())


def _by_taps(
    build: Builder,
    x: fx.Node,
    layout: Layout,
    kernels: Sequence[Kernel],
    place: Place,
    combine: Any,
) -> fx.Node:
    """A dilated pooling, one axis after the other: what each tap of the kernel sees, combined."""
    for kernel, dim, reading, count in zip(
        kernels, layout.dims, place.readings, place.sizes, strict=True
    ):
        span = (count - 1) * reading.stride + 1
        starts = [tap * reading.dilation for tap in range(kernel.size)]
        taps = [build.cut(x, dim, start, start + span, reading.stride) for start in starts]
        x = reduce(partial(build.call, combine), taps)
    return x


@operator(*AVERAGE_POOLS.values())
def average_pooling(call: Call) -> Step:
    """Average pooling: sums over zero-filled positions, divided by what PyTorch counts."""
    layout, bound, rank = call.spatial(), call.bound, call.rank
    movers, size = _pooling(call, dilated=False)
    fixed = bound.get("divisor_override")
    target = call.node.target

    def counts(k: int, place: Place) -> list[int]:
        axis = place.axes[k]
        lo, hi = axis.positions(place.parts[k])
        if place.parts[k] is Part.SHARED:
            return [movers[k].size]
        counted = _counts(movers[k], layout.positions[k], lo, hi, bound["count_include_pad"])
        return [count for count in counted for _ in range(axis.m)]

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        x = tensors[0]
        if any(r.dilation > 1 for r in place.readings):
            x = _by_taps(build, x, layout, movers, place, aten.add.Tensor)
            x = build.call(aten.div.Scalar, x, prod(size))
        else:
            x = build.call(target, x, size, by_dim(layout, tuple(r.stride for r in place.readings)))
        if fixed is not None:
            return build.call(aten.mul.Scalar, x, prod(size) / fixed)
        for k, kernel in enumerate(movers):
            x = _rescaled(build, x, kernel.size, counts(k, place), rank + 1 - layout.dims[k])
        return x

    return call.step(apply, movers, strided=True, on_map=call.again())


def _counts(kernel: Kernel, n: int, lo: int, hi: int, include_pad: bool) -> list[int]:
    """By how much PyTorch divides at each output position along one axis."""
    counted = []
    for p in range(lo, hi):
        start = p * kernel.stride - kernel.before
        stop = min(start + kernel.size, n + kernel.behind)
        counted.append(stop - start if include_pad else min(stop, n) - max(start, 0))
    return counted


def _rescaled(build: Builder, x: fx.Node, full: int, counts: list[int], behind: int) -> fx.Node:
    """An average over `full` positions made one over those counted; `behind` dimensions follow."""
    if set(counts) == {full}:
        return x
    table = build.constant(counts, (-1, *[1] * behind))
    return build.call(aten.div.Tensor, build.call(aten.mul.Scalar, x, full), table)


@operator(MEAN, aten.sum.dim_IntList, AMAX, aten.amin.default)
def reduction(call: Call) -> Step:
    """Mean, sum, maximum or minimum over whole windows, or over channels."""
    layout, bound = call.layout, call.bound
    if layout.flat:
        raise NotShared("mixes positions")
    ndim = len(layout.shape) + 1
    dims = tuple(sorted(d % ndim for d in (bound["dim"] or range(ndim))))
    if 0 not in dims and bound["keepdim"] and not set(dims) >= set(layout.dims):
        return call.step(call.again(), mixing(layout, dims))
    if set(dims) != set(layout.dims) or bound.get("dtype") is not None:
        raise NotShared("reduces over some of the positions and over more than positions")
    reduce, combine = _REDUCTIONS[call.node.target]

    def share(build: Builder, x: fx.Node, extents: tuple[Extent, ...]) -> fx.Node:
        for dim, extent in zip(layout.dims, extents, strict=True):
            x = _reduced(build, x, dim, ndim, extent, reduce)
        return x

    def divide(build: Builder, tensors: list[fx.Node], _place: Place) -> fx.Node:
        return build.call(aten.div.Scalar, tensors[0], prod(layout.positions))

    apply = divide if call.node.target is MEAN else unchanged
    ones = Layout(layout.dims, tuple(replaced(layout.shape, layout.dims, [1] * call.rank)))
    out = ones if bound["keepdim"] else Layout(ones.dims, ones.shape, flat=True)
    if out.flat and len(layout.others) > 1:
        raise NotShared("reduces over positions and leaves several dimensions")
    return call.step(apply, layout=out, kind=Reduction, share=share, combine=combine)


def _reduced(
    build: Builder, x: fx.Node, dim: int, ndim: int, extent: Extent, reduction: Any
) -> fx.Node:
    """One value for each window along a dimension, of those that a view shows in groups."""
    span = (extent.count - 1) * extent.dilation + 1
    x = build.call(aten.unfold.default, x, dim, span, extent.stride)
    if extent.dilation > 1:
        x = build.cut(x, ndim, 0, span, extent.dilation)
    return build.call(reduction, x, [ndim])


_REDUCTIONS: dict[Any, tuple[Any, Any]] = {
    MEAN: (aten.sum.dim_IntList, aten.add.Tensor),
    aten.sum.dim_IntList: (aten.sum.dim_IntList, aten.add.Tensor),
    AMAX: (AMAX, aten.maximum.default),
    aten.amin.default: (aten.amin.default, aten.minimum.default),
}
