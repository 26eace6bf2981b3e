"""Poolings: maxima, averages and norms of windows.

PyTorch's own poolings are called wherever they give the same, since those are what a network that
was exported had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.operators.convolutions import CONVOLUTIONS, padded, padding
from onebyone.models.onnx.table import Ints, operator

_MAX: dict[int, Any] = {
    1: functional.max_pool1d,
    2: functional.max_pool2d,
    3: functional.max_pool3d,
}
_AVERAGE: dict[int, Any] = {
    1: functional.avg_pool1d,
    2: functional.avg_pool2d,
    3: functional.avg_pool3d,
}


@dataclass(frozen=True)
class Windows:
    """Where the windows of a pooling lie: a number for each axis of space.

    Attributes:
        sizes: of the input.
        kernel: of the window.
        strides: between windows.
        dilations: between the places within one.
        before: places before the input that belong to windows.
        behind: such places behind it.
        counts: windows.
    """

    sizes: Ints
    kernel: Ints
    strides: Ints
    dilations: Ints
    before: Ints
    behind: Ints
    counts: Ints

    @property
    def reach(self) -> Ints:
        """Places behind the input so that every window is full."""
        axes = zip(
            self.sizes, self.kernel, self.strides, self.dilations, self.before, self.counts,
            strict=True,
        )  # fmt: skip
        return tuple(max(0, (c - 1) * s + d * (k - 1) + 1 - n - p) for n, k, s, d, p, c in axes)

    def ceiling(self) -> bool | None:
        """PyTorch's `ceil_mode` for so many windows with the same padding on both sides.

        None where it takes no such padding, or gives another number of them with either.
        """
        spans = [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]
        if any(2 * p > span for p, span in zip(self.before, spans, strict=True)):
            return None
        for ceil in (False, True):
            axes = zip(self.sizes, spans, self.strides, self.before, strict=True)
            if self.counts == tuple(_count(n, k, s, p, p, ceil=ceil) for n, k, s, p in axes):
                return ceil
        return None


def windows_of(
    x: Tensor,
    kernel: Ints,
    auto_pad: str,
    ceil_mode: int,
    dilations: Ints,
    pads: Ints,
    strides: Ints,
) -> Windows:
    """What a pooling with these attributes sees of a map."""
    rank, sizes = len(kernel), tuple(x.shape[2:])
    dilations, strides = dilations or (1,) * rank, strides or (1,) * rank
    pads = padding(auto_pad, pads, sizes, kernel, strides, dilations)
    before, behind = pads[:rank], pads[rank:]
    ceil = bool(ceil_mode) and auto_pad == "NOTSET"
    axes = zip(sizes, kernel, strides, dilations, before, behind, strict=True)
    counts = tuple(_count(n, d * (k - 1) + 1, s, p, q, ceil=ceil) for n, k, s, d, p, q in axes)
    return Windows(sizes, kernel, strides, dilations, before, behind, counts)


def _count(size: int, span: int, stride: int, before: int, behind: int, *, ceil: bool) -> int:
    """Windows of one axis; where `ceil`, the last may hang over, but begins before the padding."""
    rest = size + before + behind - span
    if not ceil:
        return rest // stride + 1
    count = -(-rest // stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


@operator("MaxPool")
def max_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    outputs: int = 1,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Ints = (),
    pads: Ints = (),
    storage_order: int = 0,
    strides: Ints = (),
) -> Tensor | tuple[Tensor, Tensor]:
    windows = windows_of(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    ceil, before, dtype = windows.ceiling(), windows.before, x.dtype
    if not dtype.is_floating_point:  # PyTorch's poolings of bytes refuse larger maps
        x = x.to(torch.float32)
    if ceil is None:
        x = padded(x, (*before, *windows.reach), float("-inf"))
        ceil, before = False, (0,) * len(before)
    pool = _MAX[len(kernel_shape)]
    given = (kernel_shape, windows.strides, before, windows.dilations, ceil)
    if outputs == 1:
        return pool(x, *given).to(dtype)  # type: ignore[no-any-return]
    y, places = pool(x, *given, return_indices=True)
    y = y.to(dtype)
    shift = windows.before if before != windows.before else (0,) * len(before)
    return y, _numbered(places, x.shape[2:], shift, windows.sizes, columns=bool(storage_order))


def _numbered(
    places: Tensor, sizes: Sequence[int], shift: Ints, own: Ints, *, columns: bool
) -> Tensor:
    """Places within a padded map as ONNX numbers them: through the whole unpadded tensor."""
    found = torch.zeros_like(places)
    rest = places
    for axis in reversed(range(len(sizes))):
        step = prod(own[:axis]) if columns else prod(own[axis + 1 :])
        found = found + (rest % sizes[axis] - shift[axis]) * step
        rest = torch.div(rest, sizes[axis], rounding_mode="floor")
    maps = torch.arange(prod(places.shape[:2]), device=places.device)
    return found + (maps * prod(own)).reshape(*places.shape[:2], *(1,) * len(sizes))


@operator("MaxUnpool")
def max_unpool(
    x: Tensor,
    places: Tensor,
    output_shape: Ints | None = None,
    *,
    kernel_shape: Ints,
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    rank = len(kernel_shape)
    strides, pads = strides or (1,) * rank, pads or (0,) * 2 * rank
    sizes = tuple(
        (n - 1) * strides[k] + kernel_shape[k] - pads[k] - pads[rank + k]
        for k, n in enumerate(x.shape[2:])
    )
    # Places count through the whole tensor that was pooled, so those of one map repeat.
    flat = torch.remainder(places, prod(sizes)).flatten(2)
    empty = torch.zeros(
        (*x.shape[:2], prod(output_shape[2:] if output_shape else sizes)),
        dtype=x.dtype,
        device=x.device,
    )
    if output_shape and output_shape[2:] != sizes:
        flat = _moved(flat, sizes, output_shape[2:])
    filled = empty.scatter(2, flat, x.flatten(2))
    return filled.reshape(*x.shape[:2], *(output_shape[2:] if output_shape else sizes))


def _moved(places: Tensor, sizes: Sequence[int], larger: Sequence[int]) -> Tensor:
    """Places within a map as those of the same positions in a larger one."""
    found, rest = torch.zeros_like(places), places
    for axis in reversed(range(len(sizes))):
        found = found + rest % sizes[axis] * prod(larger[axis + 1 :])
        rest = torch.div(rest, sizes[axis], rounding_mode="floor")
    return found


@operator("AveragePool")
def average_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Ints = (),
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    windows = windows_of(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    ceil, even = windows.ceiling(), windows.before == windows.behind
    if ceil is not None and set(windows.dilations) == {1} and (even or not count_include_pad):
        return _AVERAGE[len(kernel_shape)](  # type: ignore[no-any-return]
            x, kernel_shape, windows.strides, windows.before, ceil, bool(count_include_pad)
        )
    counted = torch.ones((1, 1, *windows.sizes), dtype=x.dtype, device=x.device)
    if count_include_pad:
        counted = padded(counted, (*windows.before, *windows.behind), 1.0)
        reach = [max(0, r - q) for r, q in zip(windows.reach, windows.behind, strict=True)]
        counts = _summed(padded(counted, ([0] * len(reach)) + reach), windows)
    else:
        counts = _summed(padded(counted, (*windows.before, *windows.reach)), windows)
    return _summed(padded(x, (*windows.before, *windows.reach)), windows) / counts


def _summed(x: Tensor, windows: Windows) -> Tensor:
    """Sums of all full windows of a map that has its padding."""
    rank, size = len(windows.kernel), prod(windows.kernel)
    if set(windows.dilations) == {1}:
        y: Tensor = _AVERAGE[rank](x, windows.kernel, windows.strides) * size
    else:
        ones = torch.ones((x.shape[1], 1, *windows.kernel), dtype=x.dtype, device=x.device)
        y = CONVOLUTIONS[rank](x, ones, None, windows.strides, 0, windows.dilations, x.shape[1])
    for axis, count in enumerate(windows.counts):
        y = y.narrow(2 + axis, 0, count) if y.shape[2 + axis] > count else y
    return y


@operator("LpPool")
def lp_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Ints = (),
    p: int = 2,
    pads: Ints = (),
    strides: Ints = (),
) -> Tensor:
    windows = windows_of(x, kernel_shape, auto_pad, ceil_mode, dilations, pads, strides)
    powers = padded(torch.pow(torch.abs(x), p), (*windows.before, *windows.reach))
    return torch.pow(_summed(powers, windows), 1 / p)


@operator("GlobalAveragePool")
def global_average_pool(x: Tensor) -> Tensor:
    return torch.mean(x, list(range(2, x.ndim)), keepdim=True)


@operator("GlobalMaxPool")
def global_max_pool(x: Tensor) -> Tensor:
    return torch.amax(x, list(range(2, x.ndim)), keepdim=True)


@operator("GlobalLpPool")
def global_lp_pool(x: Tensor, *, p: int = 2) -> Tensor:
    powers = torch.pow(torch.abs(x), p)
    return torch.pow(torch.sum(powers, list(range(2, x.ndim)), keepdim=True), 1 / p)
