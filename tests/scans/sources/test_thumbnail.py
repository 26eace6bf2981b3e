"""Images made small: means of blocks, of the level that is just large enough."""

import numpy as np
import pytest
import tifffile

from onebyone.scans.sources.opening import open_source
from onebyone.scans.sources.thumbnail import thumbnail


def picture(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(3, 40, 60), (1, 1, 1), (3, 41, 61), (1, 7, 100)])
def test_it_is_the_means_of_blocks(shape):
    pixels = picture(*shape)
    found = thumbnail(open_source(pixels), 20)
    step = -(-max(shape[1:]) // 20)
    assert max(found.shape[1:]) <= 20
    for y, x in ((0, 0), (found.shape[1] - 1, found.shape[2] - 1)):
        block = pixels[:, y * step : (y + 1) * step, x * step : (x + 1) * step]
        np.testing.assert_allclose(found[:, y, x], block.mean((1, 2)), rtol=1e-6)


def test_a_coarser_level_is_read_where_there_is_one(tmp_path):
    fine, coarse = picture(64, 64, 3), picture(32, 32, 3)
    with tifffile.TiffWriter(tmp_path / "slide.tif") as file:
        file.write(fine, tile=(16, 16), subifds=1, photometric="rgb")
        file.write(coarse, tile=(16, 16), subfiletype=1, photometric="rgb")
    with open_source(tmp_path / "slide.tif") as source:
        np.testing.assert_array_equal(thumbnail(source, 32), coarse.transpose(2, 0, 1))
        assert thumbnail(source, 33).shape == (3, 32, 32)
