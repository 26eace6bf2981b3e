"""The cheapest cut against trying every set of values."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from onebyone.windows.cut import _minimum_cut


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 6), st.data())
def test_least_cost_among_all_closed_sets(count: int, data: st.DataObject) -> None:
    costs = st.lists(st.integers(0, 50), min_size=count, max_size=count)
    shared, ended, gathered = (np.array(data.draw(costs), float) for _ in range(3))
    if shared.sum() + ended.sum() == 0:
        return
    pairs = [(a, b) for b in range(count) for a in range(b)]
    reads = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []

    def cost(stopped: tuple[bool, ...]) -> float:
        if any(stopped[a] and not stopped[b] for a, b in reads):
            return float("inf")
        kept = sum(e if s else c for c, e, s in zip(shared, ended, stopped, strict=True))
        read = {a for a, b in reads if stopped[b] and not stopped[a]}
        return kept + sum(gathered[list(read)])

    best = min(cost(choice) for choice in product([False, True], repeat=count))
    found = tuple(bool(s) for s in _minimum_cut(shared, ended, gathered, reads))
    assert abs(cost(found) - best) < 1e-3


def test_sharing_is_kept_where_both_cost_the_same() -> None:
    assert not _minimum_cut(*np.array([[5.0, 5.0], [5.0, 5.0], [0.0, 0.0]]), [(0, 1)]).any()
