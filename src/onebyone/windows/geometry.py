"""Where the windows of an image lie."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    """Windows of one size at one stride.

    Attributes:
        window: (C, *space).
        stride: pixels from one window to the next along each axis.
        padding: "crop" or "image".
    """

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str

    def grid(self, size: Sequence[int]) -> tuple[int, ...]:
        """Number of windows along each axis of an image."""
        return tuple(
            (n - h) // s + 1 for n, h, s in zip(size, self.window[1:], self.stride, strict=True)
        )
