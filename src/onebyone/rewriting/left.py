"""Why a layer is left as it is."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from onebyone.wording import by

Node = TypeVar("Node")
Found = TypeVar("Found")


class Left(Exception):
    """The reason, in words; `shape` is that of the layer's weight, where it is known."""

    def __init__(self, reason: str, shape: Sequence[int] = ()) -> None:
        super().__init__(reason)
        self.shape = tuple(shape)


def not_pointwise(kernel: Sequence[int], padded: bool, spread: bool) -> str:
    """Why a convolution is no linear layer at every position; empty where it is one.

    It is padded where it reads beyond the border, and spread where it puts zeros between positions
    or behind them, as a transposed one may.
    """
    if any(size != 1 for size in kernel):
        return f"its kernel is {by(kernel)}: only a 1×1 convolution is linear (S2)"
    alone = "gives outputs of bias alone"
    if padded:
        return f"its padding {alone} at the border, which no linear layer has (S10)"
    return f"its stride {alone} between the others, as padding does (S10)" if spread else ""


def read_all(
    nodes: Iterable[Node], read: Callable[[Node], Found | None]
) -> dict[Node, Found | Left]:
    """Each node that could be meant: read as a layer, or why it must stay as it is."""
    found: dict[Node, Found | Left] = {}
    for node in nodes:
        try:
            what = read(node)
        except Left as left:
            found[node] = left
        else:
            if what is not None:
                found[node] = what
    return found
