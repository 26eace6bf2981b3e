"""Every reader: any region is that of the whole, as the format's own library reads it."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest

from helpers.scan_images import CASES
from onebyone.errors import InputError
from onebyone.scans.sources.opening import open_source

RNG = np.random.default_rng(3)


@pytest.fixture(params=CASES)
def case(request, tmp_path):
    return CASES[request.param](tmp_path)


def regions(full, count):
    """(start, size) of the whole, of single pixels in the corners, and of random parts."""
    yield (0,) * len(full), full
    for corner in product(*((0, n - 1) for n in full)):
        yield corner, (1,) * len(full)
    for _ in range(count):
        size = [int(RNG.integers(1, n + 1)) for n in full]
        start = [int(RNG.integers(0, n - part + 1)) for n, part in zip(full, size, strict=True)]
        yield tuple(start), tuple(size)


def part(whole, start, size):
    return whole[(slice(None), *(slice(a, a + n) for a, n in zip(start, size, strict=True)))]


def test_regions_are_those_of_the_library(case):
    with open_source(case.image, case.select, case.space) as source:
        assert [level.size for level in source.levels] == [each.shape[1:] for each in case.levels]
        assert source.channels == len(case.levels[0])
        assert source.dtype == case.levels[0].dtype.newbyteorder("=")
        assert source.levels[0].shrink == (1.0,) * case.space
        assert json.loads(json.dumps(source.identity)) == source.identity
        for number, whole in enumerate(case.levels):
            for start, size in regions(whole.shape[1:], 12):
                pixels = source.read(number, start, size)
                assert pixels.dtype == source.dtype
                assert pixels.flags.c_contiguous
                assert pixels.flags.writeable
                np.testing.assert_array_equal(pixels, part(whole, start, size))


def test_four_threads_and_a_pickled_copy_read_the_same(case):
    source = open_source(case.image, case.select, case.space)
    copy = pickle.loads(pickle.dumps(source))
    assert copy.identity == source.identity
    jobs = [
        (each, number, *region)
        for number, whole in enumerate(case.levels)
        for each in (source, copy)
        for region in regions(whole.shape[1:], 12)
    ]

    def check(job):
        each, number, start, size = job
        expected = part(case.levels[number], start, size)
        return np.array_equal(each.read(number, start, size), expected)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(check, jobs))
    source.close()
    assert check(jobs[0])  # it opens again
    source.close()
    copy.close()


def test_what_lies_outside_is_refused(case):
    with open_source(case.image, case.select, case.space) as source:
        full = source.levels[0].size
        origin = (0,) * case.space
        beyond = (*origin[1:], full[-1])
        for level, start, size in (
            (0, beyond, (1,) * case.space),
            (0, (-1, *origin[1:]), (1,) * case.space),
            (0, origin, origin),
            (len(source.levels), origin, full),
            (0, (0,) * (case.space + 1), (1,) * (case.space + 1)),
        ):
            with pytest.raises(InputError, match=f"level {level}, pixels .* cannot be read"):
                source.read(level, start, size)


def test_another_selection_is_another_image(case):
    source = open_source(case.image, case.select, case.space)
    if source.channels > 1:
        other = open_source(case.image, {**(case.select or {}), "C": [1]}, case.space)
        assert other.channels == 1
        assert other.identity != source.identity
    assert open_source(case.image, case.select, case.space).identity == source.identity
