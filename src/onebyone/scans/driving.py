"""Running tiles on an executor, whichever it is: threads here, or Dask's workers."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from onebyone.errors import InputError, first_line

T = TypeVar("T")
KEPT = "what is done is kept: go on with --resume"
TRIES = 3
"""Of a tile whose worker dies."""
_IN_FLIGHT = 4
"""Tiles that are given to an executor at a time, for each of its workers."""
_LOOK = 1.0
"""Seconds between looks at whether there are workers."""
_FIRST = 600.0
"""Seconds of the first tiles, for which workers begin and plans are made."""


class Stalled(Exception):
    """A call has not ended for long."""


class Unfit(InputError):
    """A worker cannot run any tile of a scan."""


@dataclass
class Driver(Generic[T]):
    """Runs tiles, a few at a time; one that cannot be read does not stop the others.

    Attributes:
        executor: runs calls.
        workers: how many calls it runs at a time, now.
        is_lost: whether an error says that a worker is gone; its tile is run again, three times.
        patience: seconds without any worker, after which the scan ends.
        stall: seconds without any tile that ends, after which those that run are given out again;
            at least five times as long as any took. A call may be lost with its worker, and nobody
            is told. None where calls are not lost.
    """

    executor: Executor
    workers: Callable[[], int]
    is_lost: Callable[[BaseException], bool]
    patience: float = 60.0
    stall: float | None = None
    _longest: float = 0.0
    _ended: float = 0.0
    _tries: Counter[int] = field(default_factory=Counter)
    _seen: float = field(default_factory=time.monotonic)

    def run(
        self, call: Callable[[int], T], tiles: Iterable[int]
    ) -> Iterator[tuple[int, T | None, str]]:
        """Run every tile, and give each as it ends: what the call gave, or why there is nothing.

        Args:
            call: runs a tile, on a worker.
            tiles: their numbers, in the order in which they begin.

        Raises:
            InputError: there is no worker, one cannot run this scan, or the executor has ended.
            OSError: a result cannot be written.
        """
        waiting, alone, running = deque(tiles), deque[int](), dict[Future[T], int]()
        begun: dict[int, float] = {}
        self._ended = time.monotonic()
        try:
            while waiting or alone or running:
                most = _IN_FLIGHT * max(self._count(), 1)
                if alone and not (waiting or running):
                    waiting.append(alone.popleft())
                while waiting and len(running) < most:
                    tile = waiting.popleft()
                    begun[tile] = time.monotonic()
                    running[self._submitted(call, tile)] = tile
                ended, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
                for future in ended or self._stalled(running):
                    tile = running.pop(future)
                    error = _error(future) if ended else Stalled("it did not end")
                    if ended:
                        self._note(begun[tile])
                    if error is None:
                        yield tile, future.result(), ""
                    elif self._again(tile, error):
                        (waiting if self._tries[tile] < TRIES - 1 else alone).append(tile)
                    else:
                        yield tile, None, self._reason(error)
        finally:
            for future in running:
                future.cancel()

    def _note(self, begun: float) -> None:
        """Note that a tile has ended."""
        self._ended = time.monotonic()
        self._longest = max(self._longest, self._ended - begun)

    def _stalled(self, running: Mapping[Future[T], int]) -> list[Future[T]]:
        """Calls that have been lost, it seems; one that ends all the same does no harm."""
        if self.stall is None:
            return []
        limit = max(self.stall, 5 * self._longest) if self._longest else _FIRST
        if time.monotonic() - self._ended < limit:
            return []
        self._ended = time.monotonic()
        for future in running:
            future.cancel()
        return list(running)

    def _submitted(self, call: Callable[[int], T], tile: int) -> Future[T]:
        try:
            return self.executor.submit(call, tile)
        except RuntimeError as error:  # also of executors that are broken
            raise InputError(
                f"the executor takes no calls ({first_line(error)}); {KEPT}"
            ) from error

    def _count(self) -> int:
        """How many workers there are; after a minute without any there is no use in waiting."""
        count = self.workers()
        now = time.monotonic()
        self._seen = now if count else self._seen
        if now - self._seen > self.patience:
            raise InputError(f"no worker has been there for {self.patience:.0f} s; {KEPT}")
        return count

    def _again(self, tile: int, error: BaseException) -> bool:
        """Whether a tile is run again: its worker may have died of something else.

        As of a tile that was given to the same worker; so it is alone the last time.
        """
        if not (isinstance(error, Stalled) or self.is_lost(error)):
            return False
        self._tries[tile] += 1
        return self._tries[tile] < TRIES

    def _reason(self, error: BaseException) -> str:
        """Why a tile is left out; errors that would meet every tile are raised."""
        if isinstance(error, Stalled) or self.is_lost(error):
            return f"its worker died {TRIES} times ({first_line(error)})"
        if isinstance(error, Unfit):
            raise InputError(f"{error.message}; {KEPT}") from error
        if isinstance(error, InputError):
            return first_line(error)
        if isinstance(error, CancelledError):
            raise InputError(f"the executor has ended; {KEPT}") from error
        raise error


def _error(future: Future[Any]) -> BaseException | None:
    """What a call that has ended raised; being cancelled is one, which `exception` raises."""
    try:
        return future.exception()
    except CancelledError as error:
        return error
