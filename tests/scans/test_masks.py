"""Which windows are run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebyone.errors import InputError
from onebyone.scans.masks import TISSUE, find_mask, mask_of
from onebyone.scans.sources.arrays import array_source


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_a_window_is_run_where_a_part_of_it_is(cell, rows, columns, seed):
    random = np.random.default_rng(seed)
    cells = random.random((rows, columns)) < 0.2
    whole = cells.repeat(cell, 0).repeat(cell, 1)
    starts = [np.arange(n) for n in whole.shape]
    found = mask_of(cells, whole.shape).holds(starts, (3, 2))
    for (y, x), held in np.ndenumerate(found):
        assert held == whole[y : y + 3, x : x + 2].any()


@pytest.mark.parametrize("rank", [1, 3])
def test_other_ranks(rank):
    cells = np.zeros((6,) * rank)
    cells[(3,) * rank] = 1
    found = mask_of(cells, cells.shape).holds([np.arange(5)] * rank, (2,) * rank)
    assert np.argwhere(found).min() == 2
    assert np.argwhere(found).max() == 3
    assert found.sum() == 2**rank


def test_masks_are_told_apart():
    a, b = np.eye(4), np.eye(4)[::-1]
    assert mask_of(a, (8, 8)).digest == mask_of(a * 7, (8, 8)).digest != mask_of(b, (8, 8)).digest


def test_tissue_is_what_is_stained():
    pixels = np.full((3, 90, 120), 240, np.uint8)
    pixels[:, 30:60, 40:80] = np.array([200, 80, 150])[:, None, None]
    mask = find_mask(TISSUE, array_source(pixels, {}, 2))
    found = mask.holds([np.arange(90), np.arange(120)], (1, 1))
    assert found[30:60, 40:80].all()
    assert found.sum() == 30 * 40


def test_a_slide_of_one_colour_has_no_tissue():
    source = array_source(np.full((3, 9, 9), 240, np.uint8), {}, 2)
    with pytest.raises(InputError, match="no tissue is seen"):
        find_mask(TISSUE, source)
