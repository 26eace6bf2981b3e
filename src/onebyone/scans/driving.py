"""Running tiles on an executor, whichever it is: threads here, or Dask's workers."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeVar

from onebyone.errors import InputError, first_line

T = TypeVar("T")
TRIES = 3
"""Of a tile whose worker dies."""
_IN_FLIGHT = 4
"""Tiles that are given to an executor at a time, for each of its workers."""
_LOOK = 1.0
"""Seconds between looks at whether there are workers."""


class Lost(Exception):
    """The worker that ran a tile is gone, or could not begin."""


def drive(
    run: Callable[[int], T],
    tiles: Iterable[int],
    executor: Executor,
    *,
    workers: Callable[[], int],
    done: Callable[[T], None] | None,
    failed: Callable[[int, str], None],
    is_lost: Callable[[BaseException], bool] = lambda error: isinstance(error, Lost),
    patience: float = 60.0,
) -> None:
    """Run every tile, a few at a time; a tile that cannot be read does not stop the others.

    Args:
        run: runs a tile, on a worker.
        tiles: their numbers, in the order in which they begin.
        executor: runs calls.
        workers: how many calls it runs at a time, now.
        done: is told what `run` gave, tile by tile; None for nobody.
        failed: is told each tile that could not be, and why, in a line.
        is_lost: whether an error says that a worker is gone; its tile is run again, three times.
        patience: seconds without any worker, after which the scan ends.

    Raises:
        InputError: there is no worker.
        OSError: a result cannot be written.
    """
    waiting, running = deque(tiles), dict[Future[T], int]()
    tries: Counter[int] = Counter()
    seen = time.monotonic()
    try:
        while waiting or running:
            count = workers()
            seen = time.monotonic() if count else seen
            if time.monotonic() - seen > patience:
                raise InputError(
                    f"no worker has been there for {patience:.0f} s; what is done is kept: go on "
                    "with --resume"
                )
            while waiting and len(running) < _IN_FLIGHT * max(count, 1):
                tile = waiting.popleft()
                running[executor.submit(run, tile)] = tile
            ended, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in ended:
                tile = running.pop(future)
                error = future.exception()
                if error is None:
                    if done is not None:
                        done(future.result())
                elif is_lost(error):
                    tries[tile] += 1
                    if tries[tile] < TRIES:
                        waiting.appendleft(tile)
                    else:
                        failed(tile, f"its worker died {TRIES} times ({first_line(error)})")
                elif isinstance(error, InputError):
                    failed(tile, first_line(error))
                else:
                    raise error
    finally:
        for future in running:
            future.cancel()
