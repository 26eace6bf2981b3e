"""Where the windows of an image lie."""

from collections.abc import Sequence
from dataclasses import dataclass

from onebyone.errors import InputError
from onebyone.wording import by


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
        """Number of windows along each axis of an image.

        Raises:
            InputError: a window is larger than the image.
        """
        space = self.window[1:]
        if any(n < h for n, h in zip(size, space, strict=True)):
            raise InputError(
                f"window {by(space)} is larger than the image {by(size)}; pad or enlarge the image"
            )
        return tuple((n - h) // s + 1 for n, h, s in zip(size, space, self.stride, strict=True))
