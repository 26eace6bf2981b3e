"""Operators on as many threads as there are processors free for them.

An operator that is divided over threads waits for the slowest of them, each time. Where another
process has a processor, the thread on it is late each time, and fewer threads are faster.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
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
        args, part = (x, *others), super().forward
        if not may_choose(args):
            return part(*args)
        start, used, threads = perf_counter(), process_time(), torch.get_num_threads()
        pace = self.paces[len(x), threads]
        fewer = pace.fewer(threads)
        found = part(*args) if fewer == threads else on_threads(fewer, part, args)
        seconds = max(perf_counter() - start, 1e-9)
        pace.note(seconds, (process_time() - used) / (seconds * threads))
        return found


def may_choose(args: Sequence[object]) -> bool:
    """Whether what is given these may run in another thread than the one that calls.

    Gradients, tracing, autocast and modes belong to that thread.
    """
    return (
        not torch.compiler.is_compiling()  # first: it looks into the others
        and torch.get_num_threads() > 1
        and not torch.is_grad_enabled()
        and not torch.are_deterministic_algorithms_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._len_torch_dispatch_stack()
        and not torch._C._len_torch_function_stack()
        and all(type(x) is Tensor and x.device.type == "cpu" for x in args)
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


def on_threads(
    count: int, part: Callable[..., Sequence[Any]], args: Sequence[Any]
) -> Sequence[Any]:
    """Run a part in a thread whose operators are divided over so many."""
    inference = torch.is_inference_mode_enabled()

    def run() -> Sequence[Any]:
        with torch.inference_mode(inference), torch.no_grad():
            return part(*args)

    return _thread(count, torch.get_num_threads(), os.getpid()).submit(run).result()


@cache
def _thread(count: int, all_: int, process: int) -> ThreadPoolExecutor:  # noqa: ARG001
    """A thread that waits without work when there is none; it does not outlive a fork."""
    return ThreadPoolExecutor(1, "onebyone", _begin, (count, all_))


def _begin(count: int, all_: int) -> None:
    """Set how many threads operators have in this thread; threads that begin later have all."""
    torch.get_num_threads()  # PyTorch sets what it has for all threads, at the first look
    with _LOCK:
        torch.set_num_threads(count)  # of this thread; but those that begin later have it, too
        restoring = Thread(target=torch.set_num_threads, args=(all_,))
        restoring.start()
        restoring.join()
