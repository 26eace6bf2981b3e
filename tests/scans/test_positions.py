"""Where windows lie along an axis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebyone.errors import InputError
from onebyone.scans.positions import EDGES, Positions


@given(
    st.integers(1, 60), st.integers(1, 12), st.integers(1, 15), st.sampled_from(EDGES), st.data()
)
def test_windows_are_those_that_the_edge_asks_for(length, window, stride, edge, data):
    if edge != "pad" and length < window:
        with pytest.raises(InputError, match='edge="pad" lets windows reach beyond it'):
            Positions(length, window, stride, edge)
        return
    axis = Positions(length, window, stride, edge)
    starts = [axis.start(n) for n in range(axis.count)]
    inside = list(range(0, length - window + 1, stride))
    assert starts[: len(inside)] == inside
    assert len(starts) - len(inside) in (0, 1)
    seen = {p for s in starts for p in range(s, s + window)}
    if edge == "drop":
        assert starts == inside
    elif stride <= window:
        assert seen >= set(range(length))
    if edge == "cover":
        assert max(starts) + window <= length
    first = data.draw(st.integers(0, axis.count - 1))
    part = range(first, data.draw(st.integers(first + 1, axis.count)))
    found = [
        (n, run.start + i * stride) for run in axis.runs(part) for i, n in enumerate(run.windows)
    ]
    assert found == [(n, starts[n]) for n in part]


def test_an_unknown_edge():
    with pytest.raises(InputError, match="edge='wrap' is unknown; use one of drop, pad, cover"):
        Positions(9, 3, 1, "wrap")
