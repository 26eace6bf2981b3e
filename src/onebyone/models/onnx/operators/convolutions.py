"""Convolutions."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.table import Ints, operator

CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_TRANSPOSED = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


@operator("Conv")
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints = (),
    group: int = 1,
    kernel_shape: Ints = (),
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    rank = weight.ndim - 2
    dilations, strides = dilations or (1,) * rank, strides or (1,) * rank
    sizes, kernel = x.shape[2:], weight.shape[2:]
    pads = padding(auto_pad, pads, sizes, kernel, strides, dilations)
    before, behind = pads[:rank], pads[rank:]
    if before != behind:
        x = padded(x, pads)
        before = (0,) * rank
    return CONVOLUTIONS[rank](x, weight, bias, strides, before, dilations, group)


@operator("ConvTranspose")
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Ints = (),
    group: int = 1,
    kernel_shape: Ints = (),
    output_padding: Ints = (),
    output_shape: Ints = (),
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    rank = weight.ndim - 2
    dilations, strides = dilations or (1,) * rank, strides or (1,) * rank
    extra = output_padding or (0,) * rank
    spans = [d * (k - 1) + 1 for d, k in zip(dilations, weight.shape[2:], strict=True)]
    sizes = list(zip(x.shape[2:], strides, spans, strict=True))
    whole = [(size - 1) * stride + span for size, stride, span in sizes]
    if auto_pad.startswith("SAME") and not output_shape:
        output_shape = tuple(size * stride for size, stride, _ in sizes)
    if output_shape:
        output_shape = output_shape[-rank:]
        given = zip(whole, extra, output_shape, strict=True)
        before = _shared_out([max(0, n + e - out) for n, e, out in given], auto_pad)[:rank]
    else:
        pads = () if auto_pad == "VALID" else pads
        before, behind = pads[:rank] or (0,) * rank, pads[rank:] or (0,) * rank
        around = zip(whole, extra, before, behind, strict=True)
        output_shape = tuple(n + e - p - q for n, e, p, q in around)
    # What PyTorch appends where its padding is the one before on both sides.
    more = [out - n + 2 * p for out, n, p in zip(output_shape, whole, before, strict=True)]
    if all(0 <= m < max(s, d) for m, s, d in zip(more, strides, dilations, strict=True)):
        return _TRANSPOSED[rank](x, weight, bias, strides, before, more, group, dilations)
    y = _TRANSPOSED[rank](x, weight, None, strides, 0, 0, group, dilations)
    behind = tuple(out - n + p for out, n, p in zip(output_shape, whole, before, strict=True))
    y = padded(y, [-p for p in before] + list(behind))
    return y if bias is None else y + bias.reshape(-1, *(1,) * rank)


@operator("Col2Im")
def col2im(
    input: Tensor,
    image_shape: Ints,
    block_shape: Ints,
    *,
    dilations: Ints = (),
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    rank, block = len(image_shape), prod(block_shape)
    dilations, strides = dilations or (1,) * rank, strides or (1,) * rank
    pads = pads or (0,) * 2 * rank
    around = [n + pads[k] + pads[rank + k] for k, n in enumerate(image_shape)]
    steps = zip(around, block_shape, strides, dilations, strict=True)
    counts = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in steps]
    channels = input.shape[1] // block
    # A transposed convolution whose filter for each place in a block puts a number there.
    eye = torch.eye(block, dtype=input.dtype, device=input.device)
    weight = eye.reshape(block, 1, *block_shape).repeat(channels, 1, *(1,) * rank)
    x = input.reshape(input.shape[0], channels * block, *counts)
    return conv_transpose(
        x,
        weight,
        dilations=dilations,
        group=channels,
        output_shape=(),
        output_padding=tuple(_left(around, block_shape, counts, strides, dilations)),
        pads=pads,
        strides=strides,
    )


def _left(
    sizes: Sequence[int],
    kernel: Sequence[int],
    counts: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    """How many places of each axis no window reaches."""
    steps = zip(sizes, kernel, counts, strides, dilations, strict=True)
    return [n - (count - 1) * s - d * (k - 1) - 1 for n, k, count, s, d in steps]


def padding(
    auto_pad: str,
    pads: Ints,
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Ints:
    """Pads of each axis, first those before, then those behind."""
    rank = len(kernel)
    if auto_pad == "NOTSET":
        return pads or (0,) * 2 * rank
    if auto_pad == "VALID":
        return (0,) * 2 * rank
    # As many results as the stride goes into the size, rounded up.
    totals = [
        max(0, (-(-size // s) - 1) * s + d * (k - 1) + 1 - size)
        for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    ]
    return _shared_out(totals, auto_pad)


def _shared_out(totals: Sequence[int], auto_pad: str) -> Ints:
    """Pads before and behind; the odd one is behind in SAME_UPPER."""
    less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return (*less, *more) if auto_pad == "SAME_UPPER" else (*more, *less)


def padded(x: Tensor, pads: Sequence[int], value: float = 0.0) -> Tensor:
    """A tensor padded on its last axes: first the pads before each, then those behind."""
    rank = len(pads) // 2
    pairs = [p for axis in reversed(range(rank)) for p in (pads[axis], pads[rank + axis])]
    return functional.pad(x, pairs, value=value) if any(pairs) else x
