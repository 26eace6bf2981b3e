"""The index pattern of one axis: which input positions an output position reads (P in S5)."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from onebyone.errors import InputError

OUTSIDE = -1
"""The input position that stands for padding."""


@dataclass(frozen=True)
class IndexPattern:
    """Along one axis output o reads input stride·o + dilation·k − before, 0 ≤ k < kernel.

    A fully connected layer is the case of stride 0: every output reads the whole input. A
    transposed convolution reads an input that is spread out: `spacing` − 1 zeros between positions.
    """

    size: int
    outputs: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0
    spacing: int = 1

    def reads(self) -> Int[np.ndarray, "outputs kernel"]:
        """Return the input position behind each output and kernel tap, OUTSIDE in the padding."""
        starts = self.stride * np.arange(self.outputs)[:, None] - self.before
        index, between = np.divmod(starts + self.dilation * np.arange(self.kernel), self.spacing)
        inside = (index >= 0) & (index < self.size) & (between == 0)
        return np.where(inside, index, OUTSIDE)


def dense_patterns(space: Sequence[int], outputs: Sequence[int]) -> tuple[IndexPattern, ...]:
    """Return the patterns in which every output position reads every input position."""
    return tuple(
        IndexPattern(n, m, kernel=n, stride=0) for n, m in zip(space, outputs, strict=True)
    )


def window_patterns(
    space: Sequence[int],
    kernel: int | Sequence[int],
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> tuple[IndexPattern, ...]:
    """Return the patterns of a convolution over `space`; arguments mean what they do in PyTorch."""
    rank = len(space)
    kernels = per_axis(kernel, rank, "kernel", least=1)
    strides = per_axis(stride, rank, "stride", least=1)
    dilations = per_axis(dilation, rank, "dilation", least=1)
    around = pads(padding, kernels, strides, dilations)
    return tuple(
        _window_pattern(*axis)
        for axis in zip(space, kernels, strides, dilations, around, strict=True)
    )


def per_axis(value: int | Sequence[int], rank: int, name: str, least: int) -> tuple[int, ...]:
    """Return `value` as one int per axis."""
    try:
        values = (value,) * rank if isinstance(value, int) else tuple(map(operator.index, value))
    except TypeError:
        values = ()  # neither an int nor several
    if len(values) != rank or any(v < least for v in values):
        raise InputError(
            f"{name}={value!r}: give one int of at least {least}, or {rank} of them, one per axis"
        )
    return values


def pads(
    padding: int | str | Sequence[int],
    kernels: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[tuple[int, int], ...]:
    """Return the zeros before and after each axis that a padding argument stands for."""
    if padding == "same":
        if any(s != 1 for s in strides):
            raise InputError(f"padding='same' needs stride 1, not {strides}")
        return tuple(same_pads(k, d) for k, d in zip(kernels, dilations, strict=True))
    if padding == "valid":
        padding = 0
    if isinstance(padding, str):
        raise InputError(f"padding={padding!r}: give 'same', 'valid', or ints")
    return tuple((p, p) for p in per_axis(padding, len(kernels), "padding", least=0))


def same_pads(kernel: int, dilation: int) -> tuple[int, int]:
    """Return the padding before and after that keeps the size, as PyTorch shares it out."""
    span = dilation * (kernel - 1)
    return span // 2, span - span // 2


def _window_pattern(
    size: int, kernel: int, stride: int, dilation: int, pad: tuple[int, int]
) -> IndexPattern:
    before, after = pad
    room = size + before + after - dilation * (kernel - 1) - 1
    if room < 0:
        raise InputError(
            f"kernel={kernel} with dilation={dilation} is larger than the padded input of "
            f"{size + before + after}: give a larger input, a smaller kernel or more padding"
        )
    return IndexPattern(size, room // stride + 1, kernel, stride, dilation, before, after)
