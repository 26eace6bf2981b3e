"""Threads that run independent turns of a loop, each operator on one of them.

An operator that is divided over all threads waits for the slowest of them, each time: where another
process has a core, that is most of the time. Turns wait for each other once, at the end of a loop.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from math import inf
from threading import Lock, Thread, local
from time import perf_counter, process_time
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
_LOCK = Lock()
_HERE = local()


def may_run(args: Sequence[object]) -> bool:
    """Whether turns that are given these may run in threads of their own.

    Gradients, tracing, autocast and modes belong to the thread that calls: there all runs in
    sequence, and so does a loop within a turn that has a thread already.
    """
    return (
        not torch.compiler.is_compiling()  # first: it looks into the others
        and torch.get_num_threads() > 1
        and not getattr(_HERE, "within", False)
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._len_torch_dispatch_stack()
        and not torch._C._len_torch_function_stack()
        and all(type(x) is Tensor and x.device.type == "cpu" for x in args)
    )


class Way:
    """Whether a loop runs in threads: where its operators do not get the processors they ask for.

    On a quiet machine an operator on all threads is as fast as turns in threads, and often faster,
    since turns fetch the same weights and caches are shared. So a loop runs in sequence until it
    gets less of the processors than it asks for, or takes longer than it has; in threads until it
    gets them again. What was tried in vain is tried again less and less often.
    """

    def __init__(self) -> None:
        self.in_threads = False
        self._best = self._sequence = inf
        self._wait, self._patience = 0, 1

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note how long the loop takes, and its share of the processors that it asks for."""
        start, used = perf_counter(), process_time()
        yield
        seconds = max(perf_counter() - start, 1e-9)
        self._note(seconds, (process_time() - used) / (seconds * torch.get_num_threads()))

    def _note(self, seconds: float, share: float) -> None:
        if not self.in_threads:
            self._best, self._sequence = min(seconds, self._best), seconds
            self._wait -= 1
            self.in_threads = self._wait < 0 and (share < _BUSY or seconds > _LONGER * self._best)
        elif share >= _QUIET:
            faster = seconds < self._sequence
            self._patience = 1 if faster else min(2 * self._patience, _LEAST_OFTEN)
            self.in_threads, self._wait = False, self._patience


# Shares of the processors; how much longer than the best is long; runs from one trial to the next.
_BUSY, _QUIET, _LONGER, _LEAST_OFTEN = 0.8, 0.85, 1.3, 64


def run_all(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run tasks on as many threads as PyTorch has, each operator on one; results in order.

    What a task raises is raised here, when the others have ended.
    """
    inference = torch.is_inference_mode_enabled()

    def run(task: Callable[[], T]) -> T:
        with torch.inference_mode(inference), torch.no_grad():
            return task()

    threads = _threads(torch.get_num_threads(), os.getpid())
    futures = [threads.submit(run, task) for task in tasks]
    try:
        errors = [error for future in futures if (error := future.exception()) is not None]
    finally:  # interrupted, what has not begun does not
        for future in futures:
            future.cancel()
    if errors:
        raise errors[0]
    return [future.result() for future in futures]


@cache
def _threads(count: int, process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - none outlive a fork
    """As many threads, which wait without work when there is none."""
    return ThreadPoolExecutor(count, "onebyone", _begin, (count,))


def _begin(count: int) -> None:
    """Have a thread run operators alone; threads that begin later have as many as before."""
    _HERE.within = True
    torch.get_num_threads()  # PyTorch sets what it has for all threads, at the first look
    with _LOCK:
        torch.set_num_threads(1)  # of this thread; but those that begin later have it, too
        restoring = Thread(target=torch.set_num_threads, args=(count,))
        restoring.start()
        restoring.join()
