"""The last few things that were made, by what they were made for."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import RLock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Makes values and keeps the last ones that were used; threads make one at a time."""

    def __init__(self, make: Callable[[K], V], most: int) -> None:
        """Begin with none.

        Args:
            make: gives the value of a key.
            most: how many are kept.
        """
        self._make, self._most = make, most
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = RLock()

    def __getitem__(self, key: K) -> V:
        with self._lock:
            if key not in self._values:
                self._values[key] = self._make(key)
                while len(self._values) > self._most:
                    self._values.popitem(last=False)
            self._values.move_to_end(key)
            return self._values[key]

    def __len__(self) -> int:
        return len(self._values)

    def clear(self) -> None:
        """Keep none."""
        with self._lock:
            self._values.clear()
