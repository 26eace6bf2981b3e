"""One short function for each ATen operator: how it moves positions, and how it is emitted.

A function takes the node and says what step it is, or raises `NotShared` with the reason. To add
an operator, write one more and register it with `@operator(...)`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import fx

from onebyone.graphs.aten import arguments, aten, per_axis, value_of, window_shape
from onebyone.graphs.canonical import AMAX, AVERAGE_POOLS, MAX_POOLS, MEAN
from onebyone.windows.axis import Kernel, Mover, Part, Repeat, Strip, Transposed
from onebyone.windows.blocks import Builder, Fill, Layout
from onebyone.windows.steps import (
    Apply,
    NotShared,
    Place,
    Reduction,
    Step,
    WindowLevel,
    identity,
    mixing,
    reduce_windows,
    replaced,
)

OPERATORS: dict[Any, Callable[["Call"], Step]] = {}


def operator(*targets: Any) -> Callable[[Callable[["Call"], Step]], Callable[["Call"], Step]]:
    """Register the function that reads calls of these ATen operators."""

    def register(read: Callable[["Call"], Step]) -> Callable[["Call"], Step]:
        OPERATORS.update(dict.fromkeys(targets, read))
        return read

    return register


@dataclass(frozen=True)
class Call:
    """A captured node with the layouts of what it reads.

    Attributes:
        node: the node.
        layouts: the layout of every node so far that carries windows; other nodes are the same
            for every window.
    """

    node: fx.Node
    layouts: Mapping[fx.Node, Layout]

    @property
    def bound(self) -> dict[str, Any]:
        """Arguments by name."""
        return arguments(self.node)

    @property
    def sources(self) -> tuple[fx.Node, ...]:
        """The arguments that carry windows."""
        return tuple(n for n in self.node.all_input_nodes if n in self.layouts)

    @property
    def layout(self) -> Layout:
        """The layout of the first argument that carries windows."""
        return self.layouts[self.sources[0]]

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.layout.dims)

    @property
    def shape(self) -> tuple[int, ...]:
        """The output's shape for one window."""
        shape = window_shape(self.node)
        if shape is None:
            raise NotShared("moves the batch from the first dimension")
        return shape

    def spatial(self) -> Layout:
        """The layout, which must be [N, C, *space] in any order of the axes."""
        layout = self.layout
        if layout.flat or layout.others != (1,):
            raise NotShared("reads another layout than [N, C, *space]")
        return layout

    def movers(self, make: Callable[[int], Mover]) -> tuple[Mover, ...]:
        """A mover for each axis, made from the place of its dimension in the operator's lists."""
        return tuple(make(dim - 2) for dim in self.layout.dims)

    def step(
        self,
        apply: Apply,
        movers: tuple[Mover, ...] | None = None,
        layout: Layout | None = None,
        kind: type[Step] = Step,
        **more: Any,
    ) -> Step:
        """The step; by default positions and layout stay as they are."""
        movers = identity(self.rank) if movers is None else movers
        layout = Layout(self.layout.dims, self.shape) if layout is None else layout
        return kind(self.node, self.sources, movers, layout, apply, **more)

    def again(self) -> Apply:
        """Emits the node itself on what was read in place of its sources."""
        node, sources = self.node, self.sources

        def apply(build: Builder, tensors: list[fx.Node], _place: Place) -> fx.Node:
            read = dict(zip(sources, tensors, strict=True))
            copied = build.copies
            return build.graph.node_copy(node, lambda n: read[n] if n in read else copied(n))

        return apply


def by_dim(layout: Layout, values: tuple[int, ...]) -> list[int]:
    """Values in order of the axes as PyTorch's lists, in order of the dimensions."""
    return [v for _, v in sorted(zip(layout.dims, values, strict=True))]


@operator(aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
def convolution(call: Call) -> Step:
    """Convolution with any stride, padding, dilation and groups."""
    layout, bound, rank = call.spatial(), call.bound, call.rank
    if bound["weight"] in call.layouts:
        raise NotShared("its weights depend on the window")
    kernel = value_of(bound["weight"]).shape[2:]
    stride, padding, dilation = (
        per_axis(bound[name], rank, default)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    movers = call.movers(
        lambda i: Kernel(kernel[i], stride[i], dilation[i], padding[i], padding[i])
    )
    target, parameters, groups = call.node.target, (bound["weight"], bound["bias"]), bound["groups"]

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        strides = by_dim(layout, tuple(r.stride for r in place.readings))
        dilations = by_dim(layout, tuple(r.dilation for r in place.readings))
        weights = [p and build.copies(p) for p in parameters]
        return build.call(target, tensors[0], *weights, strides, [0] * rank, dilations, groups)

    return call.step(apply, movers, on_map=call.again())


@operator(aten.conv_transpose1d.default, aten.conv_transpose2d.input, aten.conv_transpose3d.input)
def transposed_convolution(call: Call) -> Step:
    """Transposed convolution: run without padding, then cropped to what the part holds."""
    layout, bound, rank = call.spatial(), call.bound, call.rank
    kernel = value_of(bound["weight"]).shape[2:]
    stride, padding, extra, dilation = (
        per_axis(bound[name], rank, default)
        for name, default in (
            ("stride", 1), ("padding", 0), ("output_padding", 0), ("dilation", 1),
        )
    )  # fmt: skip
    movers = call.movers(
        lambda i: Transposed(kernel[i], stride[i], dilation[i], padding[i], padding[i], extra[i])
    )
    target, groups, channels = call.node.target, bound["groups"], call.shape[0]

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        zeros = [0] * rank
        x = build.call(
            target, tensors[0], build.copies(bound["weight"]), None,
            list(stride), zeros, zeros, groups, list(dilation),
        )  # fmt: skip
        pads: list[int] = []
        for dim in range(rank + 1, 1, -1):
            k = layout.dims.index(dim)
            reading = place.readings[k]
            request = reading.request
            count = request.hi - request.lo if isinstance(request, Strip) else request.length
            full = (count - 1) * stride[dim - 2] + dilation[dim - 2] * (kernel[dim - 2] - 1) + 1
            assert reading.crop is not None
            start, length = reading.crop
            pads += [-start, start + length - full]
        x = build.call(aten.constant_pad_nd.default, x, pads) if any(pads) else x
        if bound["bias"] is None:
            return x
        column = build.call(
            aten.reshape.default, build.copies(bound["bias"]), [channels] + [1] * rank
        )
        return build.call(aten.add.Tensor, x, column)

    return call.step(apply, movers, on_map=call.again())


def _pooling(call: Call, dilated: bool) -> tuple[tuple[Mover, ...], list[int]]:
    bound, rank = call.bound, call.rank
    size = per_axis(bound["kernel_size"], rank, 1)
    stride = per_axis(bound["stride"], rank, 1) if bound["stride"] else size
    padding = per_axis(bound["padding"], rank, 0)
    dilation = per_axis(bound["dilation"], rank, 1) if dilated else (1,) * rank
    ceil = bool(bound["ceil_mode"])
    movers = call.movers(
        lambda i: Kernel(size[i], stride[i], dilation[i], padding[i], padding[i], ceil)
    )
    return movers, list(size)


@operator(*MAX_POOLS.values())
def max_pooling(call: Call) -> Step:
    """Max pooling, which has dilation: edges are padded with minus infinity."""
    layout = call.spatial()
    movers, size = _pooling(call, dilated=True)
    target, rank = call.node.target, call.rank

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        strides = by_dim(layout, tuple(r.stride for r in place.readings))
        dilations = by_dim(layout, tuple(r.dilation for r in place.readings))
        return build.call(target, tensors[0], size, strides, [0] * rank, dilations)

    return call.step(apply, movers, fill=Fill(float("-inf")), on_map=call.again())


@operator(*AVERAGE_POOLS.values())
def average_pooling(call: Call) -> Step:
    """Average pooling: sums over zero-filled positions, divided by what PyTorch counts."""
    layout, bound, rank = call.spatial(), call.bound, call.rank
    movers, size = _pooling(call, dilated=False)
    fixed = bound.get("divisor_override")
    kernels = [m for m in movers if isinstance(m, Kernel)]
    positions, target = layout.positions, call.node.target

    def counts(place: Place) -> list[list[int]]:
        return [
            _counts(kernel, n, *axis.positions(part), bound["count_include_pad"])
            if part is not Part.SHARED
            else [kernel.size]
            for kernel, n, axis, part in zip(
                kernels, positions, place.axes, place.parts, strict=True
            )
        ]

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        x = tensors[0]
        if any(r.dilation > 1 for r in place.readings):
            for kernel, dim, r in zip(kernels, layout.dims, place.readings, strict=True):
                x = reduce_windows(
                    build, x, dim, rank + 1, aten.sum.dim_IntList, kernel.size, r.dilation, r.stride
                )
            x = build.call(aten.div.Scalar, x, prod(size))
        else:
            x = build.call(target, x, size, by_dim(layout, tuple(r.stride for r in place.readings)))
        return _rescaled(build, x, layout, size, counts(place), fixed)

    return call.step(apply, movers, on_map=call.again())


def _counts(kernel: Kernel, n: int, lo: int, hi: int, include_pad: bool) -> list[int]:
    """By how much PyTorch divides at each output position along one axis."""
    counted = []
    for p in range(lo, hi):
        start = p * kernel.stride - kernel.before
        stop = min(start + kernel.size, n + kernel.behind)
        counted.append(stop - start if include_pad else min(stop, n) - max(start, 0))
    return counted


def _rescaled(
    build: Builder,
    x: fx.Node,
    layout: Layout,
    size: list[int],
    counts: list[list[int]],
    fixed: int | None,
) -> fx.Node:
    """An average over all of the kernel, made one over what is counted."""
    if fixed is not None:
        return build.call(aten.mul.Scalar, x, prod(size) / fixed)
    for k, (dim, count) in enumerate(zip(layout.dims, counts, strict=True)):
        full = size[dim - 2]
        if set(count) == {full}:
            continue
        shape = [len(count) if j == k else 1 for j in range(len(counts))]
        ratio = build.constant(torch.tensor(count).reshape(by_dim(layout, tuple(shape))))
        x = build.call(aten.div.Tensor, build.call(aten.mul.Scalar, x, full), ratio)
    return x


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
    count = prod(layout.positions)

    def finish(build: Builder, x: fx.Node) -> fx.Node:
        return build.call(aten.div.Scalar, x, count) if call.node.target is MEAN else x

    ones = Layout(layout.dims, tuple(replaced(layout.shape, layout.dims, [1] * call.rank)))
    out = ones if bound["keepdim"] else Layout(ones.dims, ones.shape, flat=True)
    if out.flat and len(layout.others) > 1:
        raise NotShared("reduces over positions and leaves several dimensions")
    return call.step(
        call.again(), layout=out, kind=Reduction, reduce=reduce, combine=combine, finish=finish
    )


_REDUCTIONS: dict[Any, tuple[Any, Any]] = {
    MEAN: (aten.sum.dim_IntList, aten.add.Tensor),
    aten.sum.dim_IntList: (aten.sum.dim_IntList, aten.add.Tensor),
    AMAX: (AMAX, aten.maximum.default),
    aten.amin.default: (aten.amin.default, aten.minimum.default),
}

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@operator(aten.pad.default, aten.constant_pad_nd.default)
def padding(call: Call) -> Step:
    """Explicit padding of any mode; negative padding crops."""
    layout, bound = call.layout, call.bound
    mode, ndim = bound.get("mode", "constant"), len(layout.shape) + 1
    pads = [0] * (2 * ndim - len(bound["pad"])) + list(reversed(bound["pad"]))
    # Reversed, the list holds (behind, before) of each dimension in order.
    behind, before = pads[0::2], pads[1::2]
    if layout.flat or any(before[d] or behind[d] for d in (0, *layout.others)):
        raise NotShared("pads other dimensions than positions")
    movers = tuple(Kernel(before=before[d], behind=behind[d]) for d in layout.dims)
    fill = Fill(
        float(bound.get("value") or 0.0),
        _MODES[mode],
        tuple(before[d] for d in layout.dims),
        tuple(behind[d] for d in layout.dims),
    )
    return call.step(
        lambda _build, tensors, _place: tensors[0], movers, fill=fill, on_map=call.again()
    )


@operator(aten.slice.Tensor)
def strided_slice(call: Call) -> Step:
    """A slice of channels, or of positions: a kernel of one."""
    layout, bound = call.layout, call.bound
    if layout.flat:
        raise NotShared("slices flattened positions")
    dim = bound["dim"] % (len(layout.shape) + 1)
    if dim not in layout.dims:
        return call.step(call.again())
    n, step = layout.shape[dim - 1], bound["step"]
    start = min(max(_from_end(bound["start"] or 0, n), 0), n)
    count = call.shape[dim - 1]
    behind = (count - 1) * step + 1 - n + start
    movers = tuple(
        Kernel(1, step, 1, -start, behind) if d == dim else Kernel() for d in layout.dims
    )

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        stride = place.readings[layout.dims.index(dim)].stride
        size = (place.sizes[layout.dims.index(dim)] - 1) * stride + 1
        return tensors[0] if stride == 1 else build.cut(tensors[0], dim, 0, size, stride)

    return call.step(apply, movers)


def _from_end(index: int, n: int) -> int:
    return index + n if index < 0 else index


@operator(aten.upsample_nearest1d.vec, aten.upsample_nearest2d.vec, aten.upsample_nearest3d.vec)
def nearest_upsampling(call: Call) -> Step:
    """Nearest-neighbour interpolation by whole factors."""
    layout, rank = call.spatial(), call.rank
    before, after = layout.shape[1:], call.shape[1:]
    factors = [m // n for n, m in zip(before, after, strict=True)]
    exact = [n * f for n, f in zip(before, factors, strict=True)]
    scales = call.bound["scale_factors"] or factors
    if list(after) != exact or [float(f) for f in factors] != [float(s) for s in scales]:
        raise NotShared("interpolates by a factor that is not whole")
    target = getattr(aten, f"upsample_nearest{rank}d").vec

    def apply(build: Builder, tensors: list[fx.Node], _place: Place) -> fx.Node:
        return build.call(target, tensors[0], None, [float(f) for f in factors])

    return call.step(apply, call.movers(lambda i: Repeat(factors[i])))


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
    named = bound.get("dims", bound.get("dim"))
    ndim = len(layout.shape) + 1
    dims = [d % ndim for d in ([named] if isinstance(named, int) else named)]
    if layout.flat or not dims or 0 in dims:
        raise NotShared("mixes positions")
    return call.step(call.again(), mixing(layout, dims))


@operator(aten.linear.default)
def linear(call: Call) -> Step:
    """A fully connected layer: over channels last, or over the flattened window (S3)."""
    layout, bound = call.layout, call.bound
    if bound["weight"] in call.layouts:
        raise NotShared("its weights depend on the window")
    if not layout.flat:
        return call.step(call.again(), mixing(layout, [len(layout.shape)]))
    outputs, rank = call.shape[0], call.rank
    channels = prod(layout.shape[d - 1] for d in layout.others)
    order = [*layout.others, *layout.dims]
    merged = [channels, *layout.positions]
    target = {1: aten.conv1d, 2: aten.conv2d, 3: aten.conv3d}[rank].default

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        weight = build.call(
            aten.reshape.default, build.copies(bound["weight"]), [outputs, *layout.shape]
        )
        weight = build.call(aten.permute.default, weight, [0, *order])
        weight = build.call(aten.reshape.default, weight, [outputs, *merged])
        x = build.call(aten.permute.default, tensors[0], [0, *order])
        if len(layout.others) != 1:
            x = build.call(aten.flatten.using_ints, x, 1, len(layout.others))
        bias = bound["bias"] and build.copies(bound["bias"])
        strides = [r.stride for r in place.readings]
        dilations = [r.dilation for r in place.readings]
        return build.call(target, x, weight, bias, strides, [0] * rank, dilations)

    if not layout.others:
        raise NotShared("has no channels")
    out = Layout(tuple(range(2, 2 + rank)), (outputs, *[1] * rank), flat=True)
    movers = tuple(Kernel(n) for n in layout.positions)
    return call.step(apply, movers, layout=out, kind=WindowLevel)


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
        return call.step(lambda _build, tensors, _place: tensors[0], layout=flat)
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
        if other not in call.layouts and isinstance(value_of(other), torch.Tensor):
            _check_constant(value_of(other), first, ndim)
    if first.flat:
        return call.step(call.again(), layout=first)
    if window_shape(call.node) is None or value_of(call.node).ndim != len(first.shape) + 1:
        raise NotShared("broadcasts to more dimensions")
    return call.step(call.again())


def _check_constant(constant: torch.Tensor, layout: Layout, ndim: int) -> None:
    if any(not isinstance(size, int) for size in constant.shape):
        raise NotShared("joins a map with values for the whole batch")
    if layout.flat:
        alike = constant.numel() == 1
    else:
        alike = all(
            constant.shape[dim - ndim] == 1 for dim in layout.dims if ndim - dim <= constant.ndim
        )
    if not alike:
        raise NotShared("adds a different constant at each position")
