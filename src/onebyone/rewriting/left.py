"""Why a layer is left as it is."""

from collections.abc import Sequence

BORDERS = "its padding gives outputs of bias alone at the border, which no linear layer has (S10)"
BETWEEN = "its stride gives outputs of bias alone between the others, as padding does (S10)"


class Left(Exception):
    """The reason, in words; `shape` is that of the layer's weight, where it is known."""

    def __init__(self, reason: str, shape: Sequence[int] = ()) -> None:
        super().__init__(reason)
        self.shape = tuple(shape)


def wide(kernel: Sequence[int]) -> str:
    """Say that a kernel is more than 1×1."""
    return f"its kernel is {'×'.join(map(str, kernel))}: only a 1×1 convolution is linear (S2)"
