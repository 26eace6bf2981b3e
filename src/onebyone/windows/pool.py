"""Threads that run independent turns of a loop, each operator on one of them.

An operator that is divided over all threads waits for the slowest of them, each time: where another
process has a core, that is most of the time. Turns wait for each other once, at the end of a loop.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock, Thread, local
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
        torch.get_num_threads() > 1
        and not getattr(_HERE, "within", False)
        and not torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.is_autocast_enabled("cpu")
        and not torch._C._len_torch_dispatch_stack()
        and not torch._C._len_torch_function_stack()
        and all(type(x) is Tensor and x.device.type == "cpu" for x in args)
    )


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
