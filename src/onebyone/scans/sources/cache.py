"""Decoded pieces of an image that neighbouring regions share."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

import numpy as np

MOST = 2**27  # bytes


class PieceCache:
    """The pieces used last, up to a number of bytes; the last one is always kept."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._bytes = most, 0
        self._pieces: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """A piece: as it is kept, or else decoded. Threads may decode the same one at a time."""
        with self._lock:
            if key in self._pieces:
                self._pieces.move_to_end(key)
                return self._pieces[key]
        piece = decode()
        with self._lock:
            if key not in self._pieces:
                self._pieces[key] = piece
                self._bytes += piece.nbytes
            while self._bytes > self._most and len(self._pieces) > 1:
                self._bytes -= self._pieces.popitem(last=False)[1].nbytes
        return piece
