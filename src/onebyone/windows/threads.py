"""Operators on as many threads as there are processors free for them.

An operator that is divided over threads waits for the slowest of them, each time. Where another
process has a processor, the thread on it is late each time, and fewer threads are faster.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from math import inf
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.windows.same_bits import FewerThreads
from onebyone.windows.sized import Prepared


class Adapted(Prepared):
    """A part of a plan that runs on fewer threads while others compute, with the same bits."""

    def __init__(self, prepare: Callable[[Tensor], Tensor], run: nn.Module) -> None:
        super().__init__(prepare, run)
        # Alike are runs of as many images on as many threads.
        self.paces: defaultdict[tuple[int, int], Pace] = defaultdict(Pace)
        self.known: dict[Any, bool] = {}

    def forward(self, x: Tensor, *others: Any) -> Sequence[Any]:
        """Run the part."""
        if torch.compiler.is_compiling() or not _may_differ(x):
            return super().forward(x, *others)
        threads = torch.get_num_threads()
        pace = self.paces[len(x), threads]
        start, used = perf_counter(), process_time()
        fewer = pace.fewer(threads)
        with nullcontext() if fewer == threads else FewerThreads(fewer, self.known):
            found = super().forward(x, *others)
        seconds = max(perf_counter() - start, 1e-9)
        pace.note(seconds, (process_time() - used) / (seconds * threads))
        return found


def _may_differ(x: Tensor) -> bool:
    """Whether the number of threads may: there are several, and tensors are as they look."""
    return (
        torch.get_num_threads() > 1
        and x.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and torch._C._functorch.peek_interpreter_stack() is None
    )


class Pace:
    """How many threads to take: all, until that is slow.

    It is slow where a run gets less of the processors than it asks for, or takes longer than one
    has, twice in a row. All are tried again from time to time, less and less often.
    """

    def __init__(self) -> None:
        self._share: float | None = None  # of the processors that are there; None for all
        self._best = self._slowest = inf
        self._slow, self._wait, self._patience = 0, 0, _FIRST

    def fewer(self, threads: int) -> int:
        """How many of the threads to take in the next run."""
        return (
            threads if self._share is None else max(1, min(int(self._share * threads), threads - 1))
        )

    def note(self, seconds: float, share: float) -> None:
        """Learn how long a run took, and what share it got of the processors of all threads."""
        self._wait -= 1
        if self._share is not None:
            in_vain = seconds > self._slowest
            if in_vain or self._wait <= 0:
                self._wait = self._patience if in_vain else 0
                self._share, self._patience = None, min(2 * self._patience, _MOST)
            return
        slow = share < _BUSY or seconds > _LONGER * self._best
        self._best, self._slow = min(seconds, self._best), self._slow + 1 if slow else 0
        if not slow:
            self._wait, self._patience = 0, _FIRST
        elif self._slow >= _IN_A_ROW and self._wait <= 0:
            self._share, self._slowest, self._wait = share, seconds, self._patience


# A share of the processors; how much longer than the best is long, and how often that is slow; runs
# from one trial to the next.
_BUSY, _LONGER, _IN_A_ROW, _FIRST, _MOST = 0.8, 1.3, 2, 4, 64
