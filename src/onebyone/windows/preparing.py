"""Pixels of an image as the numbers that a network takes."""

import torch
from torch import Tensor, nn

from onebyone.models.preprocessing import unit_scale


class Preparing(nn.Module):
    """Pixels scaled, less the mean, over the standard deviation.

    Attributes:
        scale: multiplies pixels first; None for what `unit` says.
        mean: [C, 1, ...] or [1, 1, ...], subtracted then; None for nothing.
        std: the same of what divides.
        unit: whether the network is known to take pixels from 0 to 1, to which 8 bits are scaled.
    """

    def __init__(
        self,
        scale: float | None = None,
        mean: Tensor | None = None,
        std: Tensor | None = None,
        *,
        unit: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.unit = scale, unit
        self.mean: Tensor | None
        self.std: Tensor | None
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def factor(self, kind: torch.dtype) -> float | None:
        """What multiplies pixels of a type; None for nothing."""
        return unit_scale(kind) if self.scale is None and self.unit else self.scale

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """Images [B, C, *size] as the network takes them, channels last, of the type of `like`."""
        # Channels last: poolings of one map take a tenth of the time, and convolutions less too.
        scale = self.factor(x.dtype)
        changed = any(value is not None for value in (scale, self.mean, self.std))
        x = x.movedim(1, -1).contiguous().movedim(-1, 1)
        x = x.to(like.dtype, copy=changed)
        if scale is not None:
            x.mul_(scale)
        if self.mean is not None:
            x.sub_(self.mean)
        if self.std is not None:
            x.div_(self.std)
        return x
