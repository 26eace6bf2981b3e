"""The locally connected layer: one fully connected layer per location, nothing shared."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from onebyone.errors import InputError
from onebyone.layers.index_pattern import window_patterns


class LocallyConnected(nn.Module):
    """A convolution whose weights are not shared: every output location has its own kernel.

    Args:
        input: the input grid (C, *space), spatial rank 0 to 3; unlike a convolution it is fixed.
        out_channels: O.
        kernel_size: as in `torch.nn.Conv2d`, and so `stride`, `padding`, `dilation`, `groups`.
        stride: int, or one per axis.
        padding: int, one per axis, 'same' or 'valid'; zeros.
        dilation: int, or one per axis.
        groups: divides C and O.
        bias: learn one bias per output.

    `weight` is [O, *space', C/groups, *kernel] and `bias` [O, *space'].

    Raises:
        InputError: the arguments do not fit each other.

    Example:
        >>> local = ob.LocallyConnected((1, 4, 4), out_channels=2, kernel_size=2, stride=2)
        >>> local.weight.shape  # a kernel for each of the 2×2 locations
        torch.Size([2, 2, 2, 1, 2, 2])
        >>> local(torch.rand(8, 1, 4, 4)).shape
        torch.Size([8, 2, 2, 2])
    """

    def __init__(
        self,
        input: Sequence[int],
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | str | Sequence[int] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        channels, *space = input
        if groups < 1 or channels % groups or out_channels % groups:
            raise InputError(f"groups={groups} must divide {channels} and {out_channels} channels")
        self.input = tuple(input)
        self.axes = window_patterns(space, kernel_size, stride, padding, dilation)
        self.groups = groups
        self.output = (out_channels, *(axis.outputs for axis in self.axes))
        window = (channels // groups, *(axis.kernel for axis in self.axes))
        self.weight = nn.Parameter(torch.empty(*self.output, *window, device=device))
        self.bias: nn.Parameter | None = None
        if bias:
            self.bias = nn.Parameter(torch.empty(*self.output, device=device))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters as `torch.nn.Conv2d` does: uniformly within 1/√(window size)."""
        scale = 1 / math.sqrt(math.prod(self.weight.shape[len(self.output) :]))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -scale, scale)

    def forward(self, x: Float[Tensor, "*batch_and_grid"]) -> Float[Tensor, "*batch_and_output"]:
        """Return the outputs [B, O, *space'] of x [B, C, *space]; the batch may be absent.

        Raises:
            InputError: x is not of the layer's input grid.
        """
        rank = len(self.axes)
        if x.ndim not in (rank + 1, rank + 2) or tuple(x.shape[-rank - 1 :]) != self.input:
            raise InputError(f"x has shape {tuple(x.shape)}: give [B, *{self.input}]")
        batched = x.ndim == rank + 2
        windows = self._windows(x if batched else x[None])
        weight = self.weight.reshape(
            self.groups,
            self.output[0] // self.groups,
            math.prod(self.output[1:]),
            windows.shape[2],
            windows.shape[4],
        )
        y = torch.einsum("bgcpk,gopck->bgop", windows, weight).reshape(-1, *self.output)
        if self.bias is not None:
            y = y + self.bias
        return y if batched else y[0]

    def _windows(self, x: Tensor) -> Float[Tensor, "batch groups channels position tap"]:
        """Return the window of each output position, its taps in one axis."""
        pads = [pad for axis in reversed(self.axes) for pad in (axis.before, axis.after)]
        x = functional.pad(x, pads) if pads else x
        for dim, axis in enumerate(self.axes, start=2):
            span = axis.dilation * (axis.kernel - 1) + 1
            x = x.unfold(dim, span, axis.stride)[..., :: axis.dilation]
        channels = self.input[0] // self.groups
        positions = math.prod(self.output[1:])
        return x.reshape(len(x), self.groups, channels, positions, -1)

    def extra_repr(self) -> str:
        """Return the grids for `print(layer)`."""
        kernel = tuple(axis.kernel for axis in self.axes)
        return f"{self.input} -> {self.output}, kernel_size={kernel}, groups={self.groups}"
