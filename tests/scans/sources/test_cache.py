"""Decoded pieces: kept up to a number of bytes, the last one always."""

import numpy as np

from onebyone.scans.sources.cache import PieceCache


def test_pieces_used_last_are_kept():
    cache, decoded = PieceCache(most=300), []

    def get(key, size=100):
        def decode():
            decoded.append(key)
            return np.zeros(size, np.uint8)

        return cache.get(key, decode)

    for key in "abcabc":
        get(key)
    assert decoded == ["a", "b", "c"]
    get("a")
    get("d")  # b was used longest ago
    get("a")
    get("b")
    assert decoded == ["a", "b", "c", "d", "b"]
    get("large", 1000)
    get("large", 1000)
    assert decoded[-1] == "large"
    assert decoded.count("large") == 1
    get("a")
    assert decoded[-1] == "a"
