"""Convolutions."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.table import Ints, operator

_CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


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
    return _CONVOLUTIONS[rank](x, weight, bias, strides, before, dilations, group)


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
    less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return (*less, *more) if auto_pad == "SAME_UPPER" else (*more, *less)


def padded(x: Tensor, pads: Sequence[int], value: float = 0.0) -> Tensor:
    """A tensor padded on its last axes: first the pads before each, then those behind."""
    rank = len(pads) // 2
    pairs = [p for axis in reversed(range(rank)) for p in (pads[axis], pads[rank + axis])]
    return functional.pad(x, pairs, value=value) if any(pairs) else x
