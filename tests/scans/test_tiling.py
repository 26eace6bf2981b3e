"""Grids in tiles."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from onebyone.scans.tiling import Tiling

axes = st.integers(1, 3).flatmap(
    lambda n: st.tuples(st.tuples(*[st.integers(1, 20)] * n), st.tuples(*[st.integers(1, 6)] * n))
)


@given(axes)
def test_tiles_cover_every_window_once_in_whatever_order(given):
    tiling = Tiling(*given)
    seen = np.zeros(tiling.grid, int)
    ordered = tiling.ordered(np.arange(len(tiling)))
    assert sorted(ordered) == list(range(len(tiling)))
    for number in ordered.tolist():
        windows = tiling.windows(number)
        seen[tuple(slice(w.start, w.stop) for w in windows)] += 1
        assert np.ravel_multi_index(tiling.place(number), tiling.counts) == number
    assert (seen == 1).all()


def test_neighbours_follow_each_other():
    tiling = Tiling((8, 8), (2, 2))
    places = [tiling.place(n) for n in tiling.ordered(np.arange(16)).tolist()]
    assert places[:8] == [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3), (1, 2), (1, 3)]


def test_many_tiles_along_three_axes_are_ordered_without_overflow():
    tiling = Tiling((2**22, 2**22, 1), (1, 1, 1))
    numbers = np.array([5, 2**43, 0])
    assert set(tiling.ordered(numbers)) == set(numbers)


def test_coarser():
    assert Tiling((7, 8), (2, 4)).coarser() == Tiling((4, 4), (2, 4))
