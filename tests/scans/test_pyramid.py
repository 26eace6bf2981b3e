"""The numbers of coarser levels."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebyone.scans.layout import Layout
from onebyone.scans.pyramid import Coarser, _means
from onebyone.scans.tiling import Tiling
from onebyone.scans.values import values_of

NAN = float("nan")


def means_of(numbers):
    """The mean of those that are there of two by two, one by one in float64; NaN where none is."""
    grid = [-(-n // 2) for n in numbers.shape[1:]]
    found = np.full((len(numbers), *grid), NAN)
    for place in product(range(len(numbers)), *map(range, grid)):
        block = numbers[(place[0], *(slice(2 * p, 2 * p + 2) for p in place[1:]))]
        there = [float(n) for n in block.ravel() if not np.isnan(n)]
        if there:
            found[place] = np.mean(there, dtype=np.float64)
    return found


def scores_of(grid, numbers, seed):
    random = np.random.default_rng(seed)
    scores = random.random((numbers, *grid))
    scores[:, random.random(grid) < random.choice([0, 0.3, 1])] = NAN
    return scores


grids = st.integers(1, 3).flatmap(
    lambda n: st.tuples(
        st.tuples(*[st.integers(1, 11 if n < 3 else 6)] * n),
        st.tuples(*[st.sampled_from([1, 2, 4])] * n),
    )
)


class Held:
    """The arrays of a map, in memory."""

    def __init__(self, layout, scores):
        self.layout = layout
        shapes = [(len(scores), *level.grid) for level in layout.levels[1:]]
        levels = [scores, *(np.zeros(shape, scores.dtype) for shape in shapes)]
        self.arrays = dict(zip(layout.paths, levels, strict=True))

    def read(self, name, windows):
        return self.arrays[name][(slice(None), *(slice(w.start, w.stop) for w in windows))].copy()

    def write(self, name, windows, numbers):
        part = self.arrays[name][(slice(None), *(slice(w.start, w.stop) for w in windows))]
        assert (part.shape, part.dtype) == (numbers.shape, numbers.dtype)
        part[...] = numbers


@given(
    grids, st.integers(1, 3), st.sampled_from(["float32", "float16", "uint8"]),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_number_is_the_mean_of_those_below_it_that_are_there(tiling, numbers, dtype, seed):
    layout = Layout(Tiling(*tiling), numbers, values_of("probabilities", dtype))
    scores = scores_of(tiling[0], numbers, seed)
    if dtype == "uint8":
        scores = np.where(np.isnan(scores), 255, np.rint(scores * 254))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onebyone.scans.layout._COARSEST", max(1, max(tiling[0]) // 3))
        held = Held(layout, scores.astype(dtype))
        for level in range(1, len(layout.levels)):
            for tile in range(len(layout.levels[level])):
                Coarser(held, level).run(tile)
            finer, found = (held.arrays[layout.paths[k]] for k in (level - 1, level))
            if dtype == "uint8":
                wanted = means_of(np.where(finer == 255, NAN, finer))
                assert (found == np.where(np.isnan(wanted), 255, np.rint(wanted))).all()
            else:
                far = {"float32": 1e-6, "float16": 1e-3}[dtype]
                np.testing.assert_allclose(found, means_of(finer), rtol=far)


@pytest.mark.parametrize(
    ("four", "mean"),
    [
        ([np.inf, 0, 0, 0], np.inf),
        ([-np.inf, 1, NAN, NAN], -np.inf),
        ([np.inf, -np.inf, 0, 0], NAN),
        ([3e38, 3e38, 3e38, 3e38], 3e38),
        ([3e38, 3e38, NAN, NAN], 3e38),
    ],
)
def test_scores_without_bounds(four, mean):
    """Scores may be anything, also what no mean can be taken of; no warning is told."""
    numbers = np.array(four, np.float32).reshape(1, 2, 2)
    none = np.isnan(numbers)
    found = _means(np.where(none, 0, numbers).astype(np.float32), ~none)
    np.testing.assert_allclose(found.ravel(), [mean], rtol=1e-6)
