"""How much coarser levels are, from their sizes."""

import pytest

from onebyone.scans.sources.reader import shrink


@pytest.mark.parametrize(
    ("full", "small", "expected"),
    [
        ((1001, 1000), (500, 500), (2, 2)),
        ((1001, 1000), (501, 500), (2, 2)),
        ((1001, 997), (62, 63), (16, 16)),
        ((1001, 997), (1001, 997), (1, 1)),
        ((1000, 1000), (400, 640), (2.5, 1.5625)),
        ((1, 1), (1, 1), (1, 1)),
        ((5, 1), (1, 1), (5, 1)),
    ],
)
def test_rounding_is_seen_through(full, small, expected):
    assert shrink(full, small) == expected
