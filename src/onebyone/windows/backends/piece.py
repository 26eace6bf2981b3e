"""A piece of a plan, run by a backend."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from onebyone.windows.backends.choice import Choice
from onebyone.windows.backends.compilers import Run


def state_of(module: nn.Module) -> tuple[Any, ...]:
    """What changes whenever a parameter or buffer is changed in place or exchanged."""
    tensors: Iterable[Tensor] = (*module.parameters(), *module.buffers())
    return tuple((id(t), t._version) for t in tensors if not t.is_inference())


class CompiledPiece(nn.Module):
    """A graph that is compiled when first called, and again when its weights have changed.

    Compiled once for each shape of image and number of threads; takes and gives what the graph
    does.
    """

    def __init__(self, piece: fx.GraphModule, choice: Choice) -> None:
        super().__init__()
        self.piece, self.choice = piece, choice
        self._state: tuple[Any, ...] | None = None
        self._runs: dict[tuple[Any, ...], Run] = {}

    def forward(self, x: Tensor) -> Sequence[Any]:
        """Run the piece on [B, C, *size]."""
        state = state_of(self.piece)
        if state != self._state:
            self._runs, self._state = {}, state  # compiled weights are constants
        key = (x.shape, x.dtype, x.device, torch.get_num_threads())
        if key not in self._runs:
            self._runs[key] = self.choice.compile(self.piece, x)
        with torch.no_grad():
            return self._runs[key](x)
