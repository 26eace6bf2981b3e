"""Index maps against NumPy's own reshape and transpose."""

import numpy as np
import onnx_ir as ir
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.constants import CHUNK, Tensor, digest
from onebyone.equivalence.onnx.structure.layout import identity, regroup, view
from onebyone.equivalence.onnx.structure.sizes import ONE, Size, product
from onebyone.equivalence.onnx.structure.values import Value


def cut(size: int, draw) -> list[int]:
    """Factors of a size, in a drawn order, some of them 1."""
    factors = [1] * draw(st.integers(0, 1))
    while size > 1:
        factor = draw(st.sampled_from([f for f in range(2, size + 1) if size % f == 0]))
        factors.append(factor)
        size //= factor
    return factors


@given(st.data())
def test_chains_of_moves(data):
    array = np.arange(72).reshape(data.draw(st.sampled_from([(72,), (8, 9), (2, 1, 36)])))
    tensor = Tensor(ir.tensor(array))
    value = Value(tensor, identity([Size.of(size) for size in array.shape]))
    for _ in range(data.draw(st.integers(1, 5))):
        if data.draw(st.booleans()):
            order = data.draw(st.permutations(range(array.ndim)))
            array, value = array.transpose(order), value.transposed(order)
        else:
            target = cut(array.size, data.draw)
            try:
                value = value.reshaped([Size.of(size) for size in target])
            except Undecided:
                continue
            array = array.reshape(target)
    np.testing.assert_array_equal(view(tensor.array, value.layout).reshape(array.shape), array)


def test_moves_that_cancel_leave_the_map_as_it_was():
    n, c, h, w = (Size.of(name) for name in "NCHW")
    value = Value(Tensor(None), identity([n, c, h, w]))
    rows = value.transposed([0, 2, 3, 1]).reshaped([n * h * w, c])
    assert rows.layout != value.layout
    assert rows.reshaped([n, h, w, c]).transposed([0, 3, 1, 2]) == value


def test_reshape_that_mixes_digits_is_undecided():
    with pytest.raises(Undecided, match="reshape of"):
        regroup(identity([Size.of(4), Size.of(9)]), [Size.of(6), Size.of(6)])
    with pytest.raises(Undecided, match="more elements"):
        regroup(identity([Size.of(4)]), [Size.of(4), Size.of("N")])


def test_sizes_divide_symbolically():
    n, h = Size.of("N"), Size.of("H")
    assert (n * h * Size.of(6)).over(h * Size.of(2)) == n * Size.of(3)
    assert (n * Size.of(6)).over(h) is None
    assert (n * Size.of(6)).over(Size.of(4)) is None
    assert product([]) == ONE
    assert str(Size.of(6) * n) == "6·N"


def test_digest_streams_any_order():
    array = np.random.default_rng(0).random((3000, 2000), np.float32)
    assert array.nbytes > CHUNK
    assert digest(array.T) == digest(np.ascontiguousarray(array.T))
    assert digest(array.T) != digest(array)
    assert digest(array.T[None]) == digest(array.T)
