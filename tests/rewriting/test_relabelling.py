from itertools import permutations

import numpy as np
import pytest

from onebyone.rewriting.relabelling import Relabelling, matrices


def relabelled(weight: np.ndarray, change: Relabelling) -> np.ndarray:
    assert weight.shape == change.before
    return weight.reshape(change.view).transpose(change.order).reshape(change.after)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_inverse_and_where_axes_go(order: tuple[int, ...]) -> None:
    sizes = (2, 3, 5)
    turned = tuple(sizes[k] for k in order)
    change = Relabelling((2, 3, 5, 1), sizes, order, (*turned, 1, 1))
    weight = np.arange(30).reshape(change.before)
    new = relabelled(weight, change)
    np.testing.assert_array_equal(relabelled(new, change.inverse), weight)
    assert change.inverse.inverse == change
    assert change.keeps_order is (order == (0, 1, 2))
    for axis in range(3):
        carried = change.carry(axis)
        assert carried is not None
        picked = np.moveaxis(new, carried, 0)[1].ravel()
        assert set(picked) == set(np.moveaxis(weight, axis, 0)[1].ravel())
        assert change.resized(axis, 7).inverse.resized(carried, sizes[axis]) == change.inverse


def test_merged_and_cut_axes_go_nowhere() -> None:
    merged = Relabelling((2, 3, 5), (2, 3, 5), (0, 1, 2), (6, 5))
    assert [merged.carry(axis) for axis in range(3)] == [None, None, 1]
    cut = Relabelling((12, 4), (3, 2, 2, 4), (3, 0, 1, 2), (4, 3, 2, 2))
    assert [cut.carry(axis) for axis in (0, -1)] == [None, 0]


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("kernel", [None, (1,), (1, 1)])
@pytest.mark.parametrize("transposed", [False, True])
def test_matrices(groups: int, kernel: tuple[int, ...] | None, transposed: bool) -> None:
    """Entry by entry, by what each operator reads at group g, row r and column c."""
    rows, columns = 2, 5
    weight = np.arange(groups * rows * columns).reshape(groups * rows, columns, 1)
    new = relabelled(weight, matrices(weight.shape, (groups, rows, columns), transposed, kernel))
    assert new.shape[2:] == (kernel or new.shape[2:])
    for g, r, c in np.ndindex(groups, rows, columns):
        row, column = (c, r) if transposed else (r, c)
        if kernel is not None:
            place: tuple[int, ...] = (g * (columns if transposed else rows) + row, column)
            place += (0,) * len(kernel)
        else:
            place = (row, column) if groups == 1 else (g, row, column)
        assert new[place] == weight[g * rows + r, c, 0]
