"""A piece of a plan, run by a backend."""

from collections.abc import Sequence
from threading import RLock
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.windows.backends.choice import Choice
from onebyone.windows.backends.compilers import Run

_ONE_BY_ONE = RLock()  # compilers and exporters have a state that threads would share


class CompiledPiece(nn.Module):
    """What is compiled when first called, with the weights that it has then.

    Compiled once for each shape of image and number of threads; takes and gives what the graph
    does.
    """

    def __init__(self, piece: nn.Module, choice: Choice) -> None:
        super().__init__()
        self.piece, self.choice = piece, choice
        self._runs: dict[tuple[Any, ...], Run] = {}

    def forward(self, x: Tensor) -> Sequence[Any]:
        """Run the piece on [B, C, *size]."""
        key = (x.shape, x.dtype, x.device, torch.get_num_threads())
        with _ONE_BY_ONE:
            if key not in self._runs:
                self._runs[key] = self.choice.compile(self.piece, x)
        with torch.no_grad():
            return self._runs[key](x)
