"""A map as one NumPy array."""

import numpy as np
import pytest

from helpers.scan_maps import make_map
from onebyone.scans.exports import export


@pytest.mark.parametrize("shape", [(2, 17), (1, 9, 13), (3, 1, 1), (2, 4, 6, 5), (300, 2, 3)])
@pytest.mark.usefixtures("stripe")
def test_numpy_reads_what_the_map_holds(tmp_path, shape):
    scores = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    scores[:, -1] = np.nan
    chunks = [max(1, side // 2) for side in shape]
    folder = make_map(tmp_path / "map", scores, chunks=chunks)
    export(folder, tmp_path / "x.npy")
    found = np.load(tmp_path / "x.npy")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, scores)


@pytest.mark.parametrize(("dtype", "step"), [("float16", 2e-3), ("uint8", 2e-3), ("uint16", 1e-5)])
def test_other_numbers_become_floats(tmp_path, scores, dtype, step):
    folder = make_map(tmp_path / "map", scores, dtype=dtype)
    export(folder, tmp_path / "x.npy")
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), scores, atol=step)


def test_shards(tmp_path, scores):
    folder = make_map(tmp_path / "map", scores, chunks=(3, 5, 5), shards=(3, 20, 20))
    export(folder, tmp_path / "x.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), scores)
