"""Room for a few tiles at a time in a process, whatever runs them."""

from contextlib import nullcontext
from threading import Semaphore
from typing import Any


class Room:
    """Lets in as many threads as there is room for; the others wait.

    In another process it is a room of its own.

    Args:
        most: threads at a time; None for any number.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._places = nullcontext() if most is None else Semaphore(most)

    def __enter__(self) -> None:
        self._places.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._places.__exit__(*error)

    def __reduce__(self) -> tuple[Any, ...]:
        return Room, (self._most,)
