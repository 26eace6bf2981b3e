"""How large tiles are."""

import pytest

from helpers.scan_runs import sliding_model
from onebyone.errors import InputError
from onebyone.scans.fitting import fit
from onebyone.scans.positions import Positions

AXES = (Positions(20_000, 6, 2), Positions(30_000, 6, 2))


def fitted(sliding, memory=None, axes=AXES, **options):
    return fit(sliding, axes, pixel=1, numbers=3, memory=memory, **options)


def test_tiles_are_powers_of_two_and_get_smaller_with_the_memory(sliding):
    before = 2**40
    for memory in (None, 10**9, 10**8, 10**7, 10**6):
        found = fitted(sliding, memory)
        windows = found.shape[0] * found.shape[1]
        assert all(n & (n - 1) == 0 for n in found.shape)
        assert windows <= before
        before = windows
        assert found.at_a_time is None if memory is None else found.at_a_time >= 1
    assert before < 2**14


def test_more_memory_has_more_tiles_at_a_time_and_not_others(sliding):
    few = fitted(sliding, 10**9)
    told = {"tile": list(few.shape), "memory": few.network}
    more = fitted(sliding, 10**10, begun=told)
    assert (more.shape, more.network) == (few.shape, few.network)
    assert more.at_a_time > few.at_a_time


def test_small_images_have_one_tile(sliding):
    axes = (Positions(100, 6, 2), Positions(6, 6, 2))
    assert fitted(sliding, axes=axes).shape == (64, 1)


def test_memory_for_no_window(sliding):
    with pytest.raises(InputError, match=r"memory|bytes"):
        fitted(sliding, 1)


def test_padding_of_the_image_keeps_the_network_s_memory():
    sliding = sliding_model(padding="image")
    assert fitted(sliding, 10**9).network == sliding.memory
