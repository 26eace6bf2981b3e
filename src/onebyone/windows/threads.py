"""Operators on as many threads as there are processors free for them.

An operator that is divided over threads waits for the slowest of them, each time. Where another
process has a processor, the thread on it is late each time, and fewer threads are faster.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from threading import Lock, Thread
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor, nn

from onebyone.windows.sized import Prepared

_LOCK = Lock()


class Adapted(Prepared):
    """A part of a plan that runs on fewer threads while others compute.

    Other numbers of threads may give other last digits, in PyTorch's convolutions as here; where
    deterministic algorithms are asked for, all threads are used always.
    """

    def __init__(self, prepare: Callable[[Tensor], Tensor], run: nn.Module) -> None:
        super().__init__(prepare, run)
        # Alike are runs of as many images on as many threads.
        self.paces: defaultdict[tuple[int, int], Pace] = defaultdict(Pace)

    def forward(self, x: Tensor, *others: Any) -> Sequence[Any]:
        """Run the part."""
        if torch.compiler.is_compiling() or not _may_differ(x):
            return super().forward(x, *others)
        threads = torch.get_num_threads()
        pace = self.paces[len(x), threads]
        start, used = perf_counter(), process_time()
        with on_threads(pace.fewer(threads)):
            found = super().forward(x, *others)
        seconds = max(perf_counter() - start, 1e-9)
        pace.note(seconds, (process_time() - used) / (seconds * threads))
        return found


def _may_differ(x: Tensor) -> bool:
    """Whether the number of threads may: there are several, on the processor."""
    several = torch.get_num_threads() > 1 and x.device.type == "cpu"
    return several and not torch.are_deterministic_algorithms_enabled()


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


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Within the block, operators that this thread calls are divided over so many threads."""
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    try:
        with _LOCK:
            torch.set_num_threads(count)  # of this thread, and of threads that begin after it
            restoring = Thread(target=torch.set_num_threads, args=(before,))
            restoring.start()
            restoring.join()
        yield
    finally:
        torch.set_num_threads(before)
