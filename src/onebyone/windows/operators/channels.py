"""Operators that leave positions where they are: norms, layouts, elementwise functions."""

from math import prod
from typing import Any

import torch
from torch import fx

from onebyone.graphs.aten import aten, value_of, window_shape
from onebyone.graphs.value import Value
from onebyone.windows.blocks import Builder, Layout
from onebyone.windows.operators.call import Call, operator, unchanged
from onebyone.windows.steps import NotShared, Place, Step, mixing, replaced


@operator(aten.batch_norm.default)
def batch_norm(call: Call) -> Step:
    """BatchNorm in eval mode: one scale and shift for each channel."""
    call.spatial()
    return call.step(call.again())


@operator(aten.prelu.default)
def prelu(call: Call) -> Step:
    """PReLU: one slope, or one for each channel."""
    call.spatial()
    return call.step(call.again())


@operator(aten.layer_norm.default)
def layer_norm(call: Call) -> Step:
    """LayerNorm over the last dimensions; over channels alone it is shared."""
    if call.layout.flat:
        raise NotShared("normalises over positions")
    ndim, count = len(call.layout.shape) + 1, len(call.bound["normalized_shape"])
    return call.step(call.again(), mixing(call.layout, range(ndim - count, ndim)))


@operator(
    aten.softmax.int, aten._softmax.default, aten.log_softmax.int, aten._log_softmax.default,
    aten.glu.default, aten.cumsum.default, aten.flip.default, aten.roll.default,
)  # fmt: skip
def along_dimensions(call: Call) -> Step:
    """Softmax, gates, sums and reorderings along dimensions: channels stay shared, axes do not."""
    layout, bound = call.layout, call.bound
    named = bound["dims"] if "dims" in bound else [bound["dim"]]
    dims = [d % (len(layout.shape) + 1) for d in named]
    if layout.flat or not dims or 0 in dims:
        raise NotShared("mixes positions")
    return call.step(call.again(), mixing(layout, dims))


@operator(aten.permute.default)
def permute(call: Call) -> Step:
    """A change of layout that keeps the batch first."""
    layout = call.layout
    order = [d % (len(layout.shape) + 1) for d in call.bound["dims"]]
    if layout.flat or order[0] != 0:
        raise NotShared("moves the batch from the first dimension")
    out = Layout(tuple(order.index(d) for d in layout.dims), call.shape)
    return call.step(call.again(), layout=out)


@operator(aten.reshape.default, aten.unsqueeze.default, aten.squeeze.dims, aten.squeeze.dim)
def reshape(call: Call) -> Step:
    """A reshape of channels; or all but the batch flattened, for a fully connected layer."""
    layout, shape = call.layout, call.shape
    if layout.flat:
        raise NotShared("reshapes flattened positions")
    if shape == (prod(layout.shape),):
        flat = Layout(layout.dims, layout.shape, flat=True)
        return call.step(unchanged, layout=flat)
    dims = _kept(layout, shape)

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        return build.call(
            aten.reshape.default, tensors[0], [-1, *replaced(shape, dims, place.sizes)]
        )

    return call.step(apply, layout=Layout(dims, shape))


def _kept(layout: Layout, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions of a reshaped window that still are the axes."""
    found: dict[int, int] = {}
    for dim in sorted(layout.dims):
        before, n = prod(layout.shape[: dim - 1]), layout.shape[dim - 1]
        taken = max(found.values(), default=0)
        for new in range(taken + 1, len(shape) + 1):
            if shape[new - 1] == n and prod(shape[: new - 1]) == before:
                found[dim] = new
                break
        else:
            raise NotShared("reshapes through the positions")
    return tuple(found[dim] for dim in layout.dims)


@operator(aten.cat.default)
def concatenation(call: Call) -> Step:
    """Concatenation of channels."""
    layouts = [call.layouts.get(n) for n in call.bound["tensors"]]
    dims = {layout.dims if layout is not None and not layout.flat else None for layout in layouts}
    if None in dims or len(dims) != 1:
        raise NotShared("joins values of different kinds")
    layout = call.layout
    if call.bound["dim"] % (len(layout.shape) + 1) in layout.dims:
        raise NotShared("joins positions")
    if len({other.positions for other in layouts if other}) != 1:
        raise NotShared("joins maps of different sizes")
    return call.step(call.again())


def is_elementwise(target: Any) -> bool:
    """Whether an operator treats every number by itself."""
    return target in _UNTAGGED or torch.Tag.pointwise in getattr(target, "tags", ())


# Elementwise operators that PyTorch does not mark as such.
_UNTAGGED = {
    aten.hardswish.default,
    aten.log_sigmoid.default,
    aten._to_copy.default,
    aten.zeros_like.default,
    aten.ones_like.default,
    aten.full_like.default,
}


def elementwise(call: Call) -> Step:
    """An elementwise operator on maps of one size; constants must be alike at all positions."""
    layouts = [call.layouts[n] for n in call.sources]
    first, ndim = layouts[0], value_of(call.node).ndim
    if any(
        (o.dims, o.positions, o.flat) != (first.dims, first.positions, first.flat) for o in layouts
    ):
        raise NotShared("joins a map with a value for each window")
    if first.flat and {o.shape for o in layouts} != {first.shape}:
        raise NotShared("joins flattened maps of different kinds")
    for other in call.node.all_input_nodes:
        if other not in call.layouts and isinstance(value_of(other), Value):
            _check_constant(value_of(other), first, ndim)
    if first.flat:
        return call.step(call.again(), layout=first)
    if window_shape(call.node) is None or value_of(call.node).ndim != len(first.shape) + 1:
        raise NotShared("broadcasts to more dimensions")
    return call.step(call.again())


def _check_constant(constant: Value, layout: Layout, ndim: int) -> None:
    if not constant.fixed:
        raise NotShared("joins a map with values for the whole batch")
    if layout.flat:
        alike = constant.elements() == 1
    else:
        alike = all(
            constant.shape[dim - ndim] == 1 for dim in layout.dims if ndim - dim <= constant.ndim
        )
    if not alike:
        raise NotShared("adds a different constant at each position")
