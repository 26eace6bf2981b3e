"""What is known of a value in a captured graph: its shape, type and device, for any batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """A size that follows from the batch: times·N + plus for N windows."""

    times: int = 1
    plus: int = 0

    def at(self, windows: int) -> int:
        """The size for so many windows."""
        return self.times * windows + self.plus


Size = int | Batch | None
"""A size; None where it follows from the batch otherwise."""


@dataclass(frozen=True)
class Value:
    """What is known of a tensor."""

    shape: tuple[Size, ...]
    dtype: torch.dtype
    device: torch.device

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def window(self) -> tuple[int, ...] | None:
        """The shape for one window; None where the first dimension alone is not the batch."""
        if not self.shape or self.shape[0] != Batch():
            return None
        rest = tuple(size for size in self.shape[1:] if isinstance(size, int))
        return rest if len(rest) == self.ndim - 1 else None

    @property
    def fixed(self) -> bool:
        """Whether it is the same for any batch."""
        return all(isinstance(size, int) for size in self.shape)

    def sized(self, shape: Sequence[Size]) -> "Value":
        """The same with another shape."""
        return replace(self, shape=tuple(shape))

    def at(self, windows: int) -> tuple[int, ...]:
        """The shape for so many windows; sizes that are not known are theirs."""
        return tuple(
            size if isinstance(size, int) else (size or Batch()).at(windows) for size in self.shape
        )

    def elements(self, windows: int = 1) -> int:
        """How many numbers there are for so many windows."""
        return prod(self.at(windows))


def noted(value: Any) -> Any:
    """A value as a graph keeps it, from what torch.export notes: a `Value`, a size or a list."""
    if isinstance(value, Tensor):
        return Value(tuple(map(_size, value.shape)), value.dtype, value.device)
    if isinstance(value, list | tuple):
        return [noted(item) for item in value]
    return _size(value)


def _size(value: Any) -> Any:
    if not isinstance(value, torch.SymInt):
        return value
    expression = value.node.expr
    symbols = expression.free_symbols
    if not symbols:
        return int(expression)
    plus = expression.subs(dict.fromkeys(symbols, 0))
    times = expression.subs(dict.fromkeys(symbols, 1)) - plus
    (batch, *others) = symbols
    if others or expression != times * batch + plus:
        return None
    return Batch(int(times), int(plus))
