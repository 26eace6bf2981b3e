"""How a convolution is emitted, so that PyTorch runs it well."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import torch
from torch import fx

from onebyone.graphs.aten import aten
from onebyone.windows.blocks import PLAIN, Builder
from onebyone.windows.target import Target

CONVOLUTIONS = {1: aten.conv1d.default, 2: aten.conv2d.default, 3: aten.conv3d.default}


@dataclass(frozen=True)
class Convolution:
    """A convolution without padding; sizes are in order of the dimensions.

    Attributes:
        channels: of what it reads.
        filters: channels of the output.
        kernel: its sizes.
        outputs: places of the output.
        stride: places from one output to the next.
        dilation: places from one tap to the next.
        groups: of channels.
    """

    channels: int
    filters: int
    kernel: Sequence[int]
    outputs: Sequence[int]
    stride: Sequence[int]
    dilation: Sequence[int]
    groups: int

    def emit(self, build: Builder, x: fx.Node, weight: fx.Node, bias: fx.Node | None) -> fx.Node:
        """Write it, in the form that is faster in PyTorch."""
        rank, dilation = len(self.kernel), list(self.dilation)
        # One output has no next: with a stride oneDNN's result can be wrong (torch 2.13).
        stride = [s if n > 1 else 1 for s, n in zip(self.stride, self.outputs, strict=True)]
        args = weight, bias, stride, [0] * rank, dilation, self.groups
        convolve, target = partial(build.call, CONVOLUTIONS[rank]), build.target
        if self.channels == 1 and rank < sum(self.kernel):
            y = self._taps_as_channels(build, x, weight, bias)
        elif self.filters <= target.register and self._reads_far_apart(2, target):
            return self._in_pieces(build, x, weight, bias)
        elif self._reads_far_apart(target.strides, target) or self._is_slow_alone(target):
            y = self._on_halves(build, x, lambda halves: convolve(halves, *args))
        elif rank == 1:
            y = self._in_a_row(build, x, weight, bias)
        else:
            return convolve(x, *args)
        y.meta[PLAIN] = CONVOLUTIONS[rank], (x, *args)
        return y

    def _taps_as_channels(
        self, build: Builder, x: fx.Node, weight: fx.Node, bias: fx.Node | None
    ) -> fx.Node:
        """The same of an image whose channels are what the taps along a dimension see.

        One channel lies in memory in both ways, and what PyTorch makes of it has channels first.
        With strides that say channels last, oneDNN's result can be wrong, too.
        """
        i = max(range(len(self.kernel)), key=lambda i: (self.kernel[i], i))
        dim, last, taps = i + 2, len(self.kernel) + 2, self.kernel[i]
        span = self._reads(i, 1)
        x = build.call(aten.unfold.default, x, dim, span, self.stride[i])
        x = build.call(aten.squeeze.dim, build.cut(x, last, 0, span, self.dilation[i]), 1)
        x = build.call(aten.clone.default, x, memory_format=torch.contiguous_format)
        x = build.permuted(x, [0, last - 1, *range(1, last - 1)])
        weight = build.call(aten.transpose.int, weight, 1, dim)

        def once(sizes: Sequence[int]) -> list[int]:
            return [*sizes[:i], 1, *sizes[i + 1 :]]

        same = replace(
            self, channels=taps, kernel=once(self.kernel), stride=once(self.stride),
            dilation=once(self.dilation),
        )  # fmt: skip
        return same.emit(build, x, weight, bias)

    def _in_a_row(
        self, build: Builder, x: fx.Node, weight: fx.Node, bias: fx.Node | None
    ) -> fx.Node:
        """The same of a signal as an image of one row, whose channels stay last."""
        x, weight = (build.call(aten.unsqueeze.default, value, 2) for value in (x, weight))
        row = replace(
            self, kernel=[1, *self.kernel], outputs=[1, *self.outputs], stride=[1, *self.stride],
            dilation=[1, *self.dilation],
        )  # fmt: skip
        return build.call(aten.squeeze.dim, row.emit(build, x, weight, bias), 2)

    def _reads_far_apart(self, strides: int, target: Target) -> bool:
        """Whether a signal is read in long steps by a kernel of so many strides or more."""
        if len(self.kernel) > 1 or max(self.outputs) == 1 or max(*self.dilation, self.groups) > 1:
            return False
        (size,), (stride,) = self.kernel, self.stride
        return stride > 1 and self.channels * stride >= target.far and size >= strides * stride

    def _in_pieces(
        self, build: Builder, x: fx.Node, weight: fx.Node, bias: fx.Node | None
    ) -> fx.Node:
        """The same by a kernel of one stride: its pieces are filters, added where they meet.

        Piece j of output i is what its filters make of stride i + j, so no number is read twice.
        The last piece may be shorter, and brings the bias.
        """
        (size,), (stride,), (outputs,) = self.kernel, self.stride, self.outputs
        count = (size - 1) // stride
        strides, end = outputs + count - 1, count * stride
        last = replace(self, kernel=[size - end])
        y = last.emit(
            build, build.cut(x, 2, end, self._reads(0, outputs)),
            build.cut(weight, 2, end, size), bias,
        )  # fmt: skip
        shape = [self.filters, self.channels, count, stride]
        weight = build.call(aten.reshape.default, build.cut(weight, 2, 0, end), shape)
        weight = build.call(aten.flatten.using_ints, build.permuted(weight, [0, 2, 1, 3]), 0, 1)
        pieces = replace(self, filters=self.filters * count, kernel=[stride], outputs=[strides])
        z = pieces.emit(build, build.cut(x, 2, 0, strides * stride), weight, None)
        # In rows that are one longer, each begins one place later.
        z = build.call(aten.reshape.default, z, [-1, self.filters, count * strides])
        z = build.call(aten.constant_pad_nd.default, z, [0, count])
        z = build.call(aten.reshape.default, z, [-1, self.filters, count, strides + 1])
        z = build.call(aten.sum.dim_IntList, build.cut(z, 3, 0, outputs), [2])
        return build.call(aten.add.Tensor, y, z)

    def _is_slow_alone(self, target: Target) -> bool:
        """Whether PyTorch runs one small volume on one thread, without oneDNN.

        Channels and the first two sizes are taken for its size.
        """
        if len(self.kernel) < 3 or max(self.outputs) == 1 or self.groups > 1:
            return False
        sizes = [self._reads(i, n) for i, n in enumerate(self.outputs[:2])]
        small = self.channels * prod(sizes) <= target.small
        return small and min(self.kernel[1:]) <= target.small_kernel

    def _reads(self, i: int, outputs: int) -> int:
        """Places that so many outputs read along a dimension."""
        return (outputs - 1) * self.stride[i] + (self.kernel[i] - 1) * self.dilation[i] + 1

    def _on_halves(
        self, build: Builder, x: fx.Node, convolve: Callable[[fx.Node], fx.Node]
    ) -> fx.Node:
        """Both halves in one batch; of an odd number of places the one in the middle twice."""
        i = max(range(len(self.outputs)), key=lambda i: (self.outputs[i] % 2 == 0, self.outputs[i]))
        n, dim = self.outputs[i], i + 2
        half = -(-n // 2)
        starts = [start * self.stride[i] for start in (0, n - half)]
        cut = partial(build.cut, x, dim)
        halves = [cut(start, start + self._reads(i, half)) for start in starts]
        y = build.call(aten.chunk.default, convolve(build.cat(halves, 0)), 2)
        first, second = (build.call(operator.getitem, y, part) for part in (0, 1))
        return build.cat([first, build.cut(second, dim, 2 * half - n, half)], dim)
