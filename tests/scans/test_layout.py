"""Where the centres of windows lie, and what the arrays of a map are."""

from itertools import pairwise
from math import prod
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebyone.scans.layout import Layout, centres, coordinates, title
from onebyone.scans.positions import EDGES, Positions
from onebyone.scans.sources.source import Level
from onebyone.scans.tiling import Tiling
from onebyone.scans.values import values_of

VALUES = values_of("scores", "float32")


def source_of(length, shrink, spacing):
    """An image of one level: `spacing` is that of its own pixels, `shrink` to the finest level."""
    return SimpleNamespace(
        levels=(Level((length,), (shrink,)),), spacing=None if spacing is None else (spacing,)
    )


def centres_of_pixels(length, shrink, spacing):
    """Where pixels lie, from the centre of the finest level's first on: means over its pixels."""
    finest = 1.0 if spacing is None else spacing / shrink
    edges = np.arange(length + 1, dtype=np.float64) * shrink  # in pixels of the finest level
    return ((edges[:-1] + edges[1:]) / 2 - 0.5) * finest


images = st.tuples(
    st.integers(1, 80), st.sampled_from([1.0, 2.0, 4.0, 2.5, 3.998]),
    st.none() | st.floats(0.05, 20),
)  # fmt: skip


@given(images, st.integers(1, 9), st.integers(1, 9), st.sampled_from(EDGES))
def test_a_coordinate_is_the_mean_of_the_window_s_pixels(image, window, stride, edge):
    length, shrink, spacing = image
    length = max(length, window)
    axis = Positions(length, window, stride, edge)
    pixels = centres_of_pixels(length + window + stride, shrink, spacing)  # edge="pad" goes beyond
    wanted = [
        pixels[axis.start(n) : axis.start(n) + window].mean(dtype=np.float64)
        for n in range(axis.count)
    ]
    source = source_of(length, shrink, spacing)
    found = coordinates(axis, source, 0)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


@given(images, st.integers(1, 9), st.integers(1, 9), st.integers(0, 4))
def test_the_centres_of_coarser_levels_are_means_of_those_they_are_made_of(
    image, window, stride, level
):
    _, shrink, spacing = image
    length = window + stride * (3 * 2**level - 1)  # three windows of that level
    axis, source = Positions(length, window, stride), source_of(length, shrink, spacing)
    starts = np.arange(axis.count) * stride
    pixels = centres_of_pixels(length, shrink, spacing)
    fine = np.array([pixels[s : s + window].mean() for s in starts])
    wanted = fine.reshape(3, -1).mean(1)
    step, first = centres(axis, source, 0, level)
    np.testing.assert_allclose(first + step * np.arange(3), wanted, rtol=1e-12, atol=1e-12)


@given(
    st.integers(1, 3).flatmap(
        lambda n: st.tuples(
            st.tuples(*[st.integers(1, 5000)] * n),
            st.tuples(*[st.sampled_from([1, 2, 8, 128, 512])] * n),
        )
    ),
    st.integers(1, 2000),
    st.sampled_from(["float32", "float16", "uint8"]),
)
def test_levels_end_with_a_small_one_and_chunks_divide_tiles(tiling, numbers, dtype):
    layout = Layout(Tiling(*tiling), numbers, values_of("probabilities", dtype))
    grids = [level.grid for level in layout.levels]
    assert grids[0] == tiling[0]
    assert max(grids[-1]) <= 512
    assert all(max(grid) > 512 for grid in grids[:-1])
    for finer, coarser in pairwise(grids):
        assert coarser == tuple((n + 1) // 2 for n in finer)
    assert {level.shape for level in layout.levels} == {tiling[1]}
    assert layout.paths[0] == "scores"
    assert len(set(layout.paths)) == len(grids)
    assert all(m % n == 0 for m, n in zip(tiling[1], layout.chunk, strict=True))
    width = numbers * np.dtype(dtype).itemsize
    assert prod(layout.chunk) * width <= 2**20 or prod(layout.chunk) == 1
    halved = prod(layout.chunk) * width * 2
    assert layout.chunk == tiling[1] or halved > 2**20 or prod(layout.chunk) == 1


def test_a_tile_of_an_odd_side_is_not_divided():
    assert Layout(Tiling((9999,), (2**20 + 1,)), 8, VALUES).chunk == (2**20 + 1,)


@pytest.mark.parametrize("values", ["scores", "top:2", "margin"])
def test_the_record_is_written_last(values):
    written = Layout(Tiling((9,), (4,)), 2, values_of(values, "float32")).written
    assert written[-1] == "state"
    assert set(written[:-1]) == ({"scores"} if values == "scores" else {"scores", "labels"})


def test_the_name_of_an_image_is_without_folders():
    for name in ("slide.svs", "a/b/slide.svs", "https://host/a/slide.svs/", "/slide.svs"):
        assert title(SimpleNamespace(name=name)) == "slide.svs"
