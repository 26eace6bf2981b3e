"""Which windows hold pixels that are no numbers, and the files that maps go into."""

from itertools import product

import numpy as np
import pytest

from onebyone.cli.maps import count_touched, not_finite


@pytest.mark.parametrize("window", [(1, 1), (3, 4), (11, 13)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (5, 4), (100, 100)])
def test_windows_that_hold_a_marked_pixel_are_counted(window, stride):
    marked = np.random.default_rng(0).uniform(size=(11, 13)) < 0.05
    tops = range(0, 11 - window[0] + 1, stride[0])
    lefts = range(0, 13 - window[1] + 1, stride[1])
    crops = [marked[y : y + window[0], x : x + window[1]] for y, x in product(tops, lefts)]
    assert count_touched(marked, window, stride) == sum(crop.any() for crop in crops)


def test_a_pixel_is_marked_where_any_of_its_channels_is_no_number():
    pixels = np.zeros((3, 2, 2), np.float16)
    pixels[0, 0, 1], pixels[2, 1, 0] = np.nan, -np.inf
    assert not_finite(pixels).tolist() == [[False, True], [True, False]]
    assert not not_finite(pixels.astype(np.float32).view(np.uint32)).any()
