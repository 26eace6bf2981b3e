"""What runs tiles: threads of this process, Dask's workers, or any executor."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from onebyone.errors import InputError


@dataclass(frozen=True)
class Workers:
    """An executor, and what a scan has to know of it.

    Attributes:
        executor: runs calls.
        count: how many it runs at a time, now.
        here: whether it runs them in this process.
        is_lost: whether an error says that a worker is gone.
        close: ends what was begun for this scan.
        name: what it is, for reports.
    """

    executor: Executor
    count: Callable[[], int]
    here: bool
    is_lost: Callable[[BaseException], bool]
    close: Callable[[], None]
    name: str


@contextmanager
def working(asked: Executor | int | str | None) -> Iterator[Workers]:
    """Have the workers that are asked for within a block; those that it has begun end with it.

    Raises:
        InputError: they cannot be had.
    """
    workers = workers_of(asked)
    try:
        yield workers
    finally:
        workers.close()


def workers_of(asked: Executor | int | str | None) -> Workers:
    """The workers that are asked for.

    Args:
        asked: None for as many threads as PyTorch uses; how many; "local:N" for N processes of
            Dask here, or the address of its scheduler; or an executor.

    Raises:
        InputError: they cannot be had.
    """
    if isinstance(asked, str):
        from onebyone.scans import dask

        return dask.dask_workers(asked)
    if isinstance(asked, Executor) and type(asked).__module__.startswith("distributed."):
        from onebyone.scans.dask import workers_of_client

        return workers_of_client(asked)
    if isinstance(asked, Executor):
        count = getattr(asked, "_max_workers", None) or os.cpu_count() or 1
        here = isinstance(asked, ThreadPoolExecutor)
        return Workers(asked, lambda: count, here, _is_lost, lambda: None, type(asked).__name__)
    threads = torch.get_num_threads() if asked is None else asked
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InputError("must be a number of threads, 1 or more", executor=asked)
    pool = ThreadPoolExecutor(threads, "onebyone-scan")

    def close() -> None:
        pool.shutdown(cancel_futures=True)

    return Workers(pool, lambda: threads, True, _is_lost, close, f"{threads} threads")


def _is_lost(error: BaseException) -> bool:
    """Whether an executor says that the process of a call is gone."""
    return isinstance(error, BrokenExecutor)
