"""Which backend runs a plan: the one asked for, or the fastest."""

from functools import partial
from typing import get_args

import torch
from torch import Tensor, nn

from onebyone.choices import Backend
from onebyone.errors import InputError
from onebyone.turns import by_turns
from onebyone.windows.backends.compilers import COMPILERS, Run, compiled

ASKED = get_args(Backend)
"""What `backend` may be."""

ROUNDS = 3


class Choice:
    """The backend of one plan.

    Attributes:
        name: of the backend; with "auto" None until the first piece has run.
        seconds: what the first piece took on each backend that was tried, with "auto".
        refused: why others cannot run it.
    """

    def __init__(self, asked: str) -> None:
        self.name = None if asked == "auto" else asked
        self.seconds: dict[str, float] = {}
        self.refused: dict[str, str] = {}

    def compile(self, module: nn.Module, x: Tensor) -> Run:
        """Compile a piece on the backend; with "auto", on all first, to keep the fastest.

        Raises:
            InputError: the backend is not installed, or cannot take the graph.
        """
        if self.name is not None:
            return compiled(self.name, module, x)
        runs: dict[str, Run] = {}
        for name in COMPILERS:
            try:
                runs[name] = compiled(name, module, x)
            except InputError as error:
                self.refused[name] = str(error)
        self.seconds = _least_times(runs, x)
        self.name = min(self.seconds, key=self.seconds.__getitem__)
        return runs[self.name]

    def __str__(self) -> str:
        if not self.seconds:
            return self.name or "auto, not yet chosen"
        times = ", ".join(f"{name} {1000 * s:.1f} ms" for name, s in self.seconds.items())
        refused = "".join(f"; {reason}" for reason in self.refused.values())
        return f"{self.name}, the fastest on the first piece ({times}{refused})"


def _least_times(runs: dict[str, Run], x: Tensor) -> dict[str, float]:
    """The least time of each."""
    with torch.no_grad():
        times = by_turns({name: partial(run, x) for name, run in runs.items()}, ROUNDS + 1)
    return {name: min(found[1:]) for name, found in times.items()}  # the first round warms up
