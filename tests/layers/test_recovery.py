"""Windows along one axis against their definition, entry by entry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebyone.layers.recovery import Recovery

MATRICES = st.integers(1, 4).flatmap(
    lambda size: st.lists(
        st.lists(st.integers(0, 1), min_size=size, max_size=size), min_size=1, max_size=4
    )
)


@settings(max_examples=300)
@given(rows=MATRICES, shared=st.booleans())
def test_windows_hold_every_entry_and_share_what_they_should(rows, shared):
    entries = np.array(rows, dtype=np.float64)
    outputs, size = entries.shape
    for (axis,) in Recovery(entries.reshape(1, outputs, 1, size)).axes(shared):
        span = axis.dilation * (axis.kernel - 1)
        assert (size + axis.before + axis.after - span - 1) // axis.stride + 1 == outputs
        weights: dict[int, float] = {}
        for (o, i), value in np.ndenumerate(entries):
            tap, between = divmod(i - axis.stride * o + axis.before, axis.dilation)
            if between or not 0 <= tap < axis.kernel:
                assert value == 0
            elif shared:
                assert weights.setdefault(tap, value) == value


def test_the_stride_is_the_one_at_which_weights_repeat():
    disjoint = np.array([[1.0, 2, 0, 0], [0, 0, 1, 2]]).reshape(1, 2, 1, 4)
    (axis,) = next(Recovery(disjoint).axes(shared=True))
    assert (axis.stride, axis.kernel, axis.before) == (2, 2, 0)
    disjoint[0, 1, 0, 3] = 3
    assert all(axis.stride != 2 for (axis,) in Recovery(disjoint).axes(shared=True))
    (axis,) = next(Recovery(disjoint).axes(shared=False))
    assert (axis.stride, axis.kernel) == (2, 2)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_groups(groups):
    table = np.kron(np.eye(groups), np.ones((12 // groups, 6 // groups)))
    assert Recovery(table).groups() == groups
    table[0, -1] += 1e-3
    assert Recovery(table).groups() == 1
    assert Recovery(table, tol=2e-3).groups() == groups
