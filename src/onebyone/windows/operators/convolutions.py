"""Convolutions, and the fully connected layer that is one (S3)."""

from collections.abc import Sequence

from torch import fx

from onebyone.graphs.aten import aten, per_axis, value_of
from onebyone.windows.blocks import Builder, Layout
from onebyone.windows.movers import Kernel, Strip, Transposed
from onebyone.windows.operators.call import Call, by_dim, operator, unchanged
from onebyone.windows.operators.convolving import CONVOLUTIONS, Convolution
from onebyone.windows.steps import Extent, NotShared, Place, Reduction, Step, mixing


@operator(aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
def convolution(call: Call) -> Step:
    """Convolution with any stride, padding, dilation and groups."""
    layout, bound, rank = call.spatial(), call.bound, call.rank
    if bound["weight"] in call.layouts:
        raise NotShared("its weights depend on the window")
    filters, _, *kernel = value_of(bound["weight"]).shape
    stride, padding, dilation = (
        per_axis(bound[name], rank, default)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    movers = call.movers(
        lambda i: Kernel(kernel[i], stride[i], dilation[i], padding[i], padding[i])
    )
    weight, bias, groups = bound["weight"], bound["bias"], bound["groups"]

    def apply(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        strides = by_dim(layout, tuple(r.stride for r in place.readings))
        dilations = by_dim(layout, tuple(r.dilation for r in place.readings))
        sizes = by_dim(layout, place.sizes)
        found = Convolution(layout.channels, filters, kernel, sizes, strides, dilations, groups)
        return found.emit(build, tensors[0], build.copies(weight), bias and build.copies(bias))

    return call.step(apply, movers, strided=True, on_map=call.again())


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
            count = len(request.positions) if isinstance(request, Strip) else request.length
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

    return call.step(apply, movers, strided=True, on_map=call.again())


@operator(aten.linear.default)
def linear(call: Call) -> Step:
    """A fully connected layer: over channels last, or over the flattened window (S3)."""
    layout, bound = call.layout, call.bound
    if bound["weight"] in call.layouts:
        raise NotShared("its weights depend on the window")
    if not layout.flat:
        return call.step(call.again(), mixing(layout, [len(layout.shape)]))
    if not layout.others:
        raise NotShared("has no channels")
    rank, outputs = call.rank, call.shape[0]
    order = [0, *layout.others, *layout.dims]

    def operands(
        build: Builder, x: fx.Node, positions: Sequence[range]
    ) -> tuple[fx.Node, fx.Node, fx.Node | None]:
        weight = build.copies(bound["weight"])
        weight = build.call(aten.reshape.default, weight, [outputs, *layout.shape])
        for dim, run in zip(layout.dims, positions, strict=True):
            if len(run) < layout.shape[dim - 1]:
                weight = build.cut(weight, dim, run.start, run.stop)
        x, weight = (build.permuted(value, order) for value in (x, weight))
        if len(layout.others) > 1:
            x, weight = (
                build.call(aten.flatten.using_ints, value, 1, len(layout.others))
                for value in (x, weight)
            )
        # The block with the first position of every axis brings the bias.
        begins = bound["bias"] is not None and all(run.start == 0 for run in positions)
        return x, weight, build.copies(bound["bias"]) if begins else None

    def share(build: Builder, x: fx.Node, extents: Sequence[Extent]) -> fx.Node:
        found = Convolution(
            layout.channels, outputs, [e.count for e in extents], [e.windows for e in extents],
            [e.stride for e in extents], [e.dilation for e in extents], 1,
        )  # fmt: skip
        positions = [range(e.first, e.first + e.count) for e in extents]
        return found.emit(build, *operands(build, x, positions))

    def on_map(build: Builder, tensors: list[fx.Node], place: Place) -> fx.Node:
        strides = [reading.stride for reading in place.readings]
        whole = [range(n) for n in layout.positions]
        return build.call(CONVOLUTIONS[rank], *operands(build, tensors[0], whole), strides)

    # Cutting up the weights copies them; reading the windows copies as many numbers for each.
    return call.step(
        unchanged,
        layout=Layout(tuple(range(2, 2 + rank)), (outputs, *[1] * rank), flat=True),
        kind=Reduction,
        on_map=on_map,
        share=share,
        combine=aten.add.Tensor,
        least=outputs + 1,
    )
