"""The integer theory against brute force: what every window really computes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from onebyone.windows.axis import Axis, Part
from onebyone.windows.movers import Kernel, Lattice, Mover, Repeat, Strip, Transposed

PADDING = "padding"


def _kernels() -> st.SearchStrategy[Kernel]:
    return st.builds(
        Kernel,
        size=st.integers(1, 4),
        stride=st.integers(1, 3),
        dilation=st.integers(1, 2),
        before=st.integers(-1, 2),
        behind=st.integers(-1, 2),
        ceil=st.booleans(),
    )


def _movers() -> st.SearchStrategy[Mover]:
    transposed = st.builds(
        Transposed,
        size=st.integers(1, 4),
        stride=st.integers(1, 3),
        dilation=st.integers(1, 2),
        before=st.integers(0, 1),
        behind=st.integers(0, 1),
    )
    return st.one_of(_kernels(), _kernels(), st.builds(Repeat, st.integers(1, 3)), transposed)


def _count(mover: Mover, n: int) -> int:
    if isinstance(mover, Kernel):
        return mover.count(n)
    if isinstance(mover, Repeat):
        return n * mover.factor
    assert isinstance(mover, Transposed)
    return (n - 1) * mover.stride - mover.before - mover.behind + mover.reach + 1 + mover.extra


def _apply(mover: Mover, values: list[object], number: int) -> list[object]:
    """One window through one operator; a value is the set of what it was computed from."""
    out: list[object] = []
    for p in range(_count(mover, len(values))):
        if isinstance(mover, Repeat):
            out.append((number, p % mover.factor, values[p // mover.factor]))
            continue
        terms = []
        if isinstance(mover, Kernel):
            places = [
                p * mover.stride - mover.before + mover.dilation * k for k in range(mover.size)
            ]
            terms = [values[j] if 0 <= j < len(values) else PADDING for j in places]
        else:
            assert isinstance(mover, Transposed)
            for k in range(mover.size):
                j, rest = divmod(p + mover.before - mover.dilation * k, mover.stride)
                if rest == 0:
                    terms.append((k, values[j] if 0 <= j < len(values) else PADDING))
        out.append((number, *terms))
    return out


def _touched(value: object) -> bool:
    return value == PADDING or (isinstance(value, tuple) and any(map(_touched, value)))


@settings(max_examples=400, deadline=None)
@given(
    st.lists(_movers(), min_size=1, max_size=4), st.integers(1, 14), st.integers(1, 5), st.data()
)
def test_equal_places_hold_equal_values(
    chain: list[Mover], window: int, stride: int, data: st.DataObject
) -> None:
    m = data.draw(st.integers(1, 4))
    axis = Axis.of_image(window, stride, m)
    windows: list[list[object]] = [list(range(i * stride, i * stride + window)) for i in range(m)]
    for number, mover in enumerate(chain):
        n = _count(mover, axis.n)
        if not 1 <= n <= 40:
            break
        axis = mover.after(axis, n)
        windows = [_apply(mover, values, number) for values in windows]
        _check(axis, windows)


def _check(axis: Axis, windows: list[list[object]]) -> None:
    assert all(len(values) == axis.n for values in windows)
    places: dict[int, object] = {}
    for i, values in enumerate(windows):
        for p in range(axis.a, axis.b):
            place = i * axis.t + (p - axis.a) * axis.u
            assert 0 <= place < axis.length
            assert not _touched(values[p])
            assert places.setdefault(place, values[p]) == values[p]
    assert axis.size == axis.length + axis.m * (axis.n - (axis.b - axis.a))


@settings(max_examples=300, deadline=None)
@given(st.lists(_kernels(), min_size=1, max_size=4), st.integers(1, 14), st.integers(1, 5))
def test_everything_that_touches_no_padding_is_shared_once(
    chain: list[Kernel], window: int, stride: int
) -> None:
    axis = Axis.of_image(window, stride, 3)
    windows: list[list[object]] = [list(range(i * stride, i * stride + window)) for i in range(3)]
    for number, mover in enumerate(chain):
        n = mover.count(axis.n)
        if n < 1:
            return
        axis = mover.after(axis, n)
        windows = [_apply(mover, values, number) for values in windows]
        untouched = [p for p in range(n) if not _touched(windows[0][p])]
        if axis.shared:
            assert untouched == list(range(axis.a, axis.b))
        else:
            assert not untouched
    places = {
        values[p]: i * axis.t + (p - axis.a) * axis.u
        for i, values in enumerate(windows)
        for p in range(axis.a, axis.b)
    }
    assert len(places) == len(set(places.values()))


def test_readings_reach_exactly_what_a_part_needs() -> None:
    axis = Axis.of_image(16, 4, 3)
    kernel = Kernel(size=3, stride=2, before=1, behind=1)
    out = kernel.after(axis, 8)
    assert (out.a, out.b, out.t, out.u) == (1, 8, 2, 1)
    assert kernel.reading(axis, out, Part.SHARED).request == Lattice(1, (out.length - 1) * 2 + 3)
    assert kernel.reading(axis, out, Part.BEFORE).request == Strip((-1, 0, 1))


def test_one_window_shares_everything_that_touches_no_padding() -> None:
    axis = Kernel(size=3, before=1, behind=1).after(Axis.of_image(8, 5, 1), 8)
    assert (axis.t, axis.u, axis.a, axis.b, axis.length) == (0, 1, 1, 7, 6)


def test_lattices_that_do_not_match_are_not_joined() -> None:
    axis = Axis(8, 3, 2, 1, 1, 7)
    assert not axis.meet(Axis(8, 3, 1, 2, 1, 7)).shared
    assert axis.meet(Axis(8, 3, 2, 1, 3, 8)) == Axis(8, 3, 2, 1, 3, 7)
