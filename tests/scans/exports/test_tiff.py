"""A plain TIFF, read by tifffile and by GDAL."""

import warnings

import numpy as np
import pytest
import rasterio
import tifffile

from helpers.scan_maps import make_map
from onebyone.scans.exports import export
from onebyone.scans.exports.tiff import tile_side


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("name", ["x.tif", "x.TIFF", "ä ü.tiff"])
def test_tifffile_reads_bands_and_what_they_are(tmp_path, folder, scores, name):
    export(folder, tmp_path / name)
    with tifffile.TiffFile(tmp_path / name) as file:
        page = file.pages[0]
        np.testing.assert_array_equal(np.moveaxis(file.asarray(), -1, 0), scores)
        assert file.is_bigtiff
        assert page.is_tiled
        assert file.shaped_metadata[0]["classes"] == ["tumour <&>", "Fettgewebe ü", "background"]
        # One window every 4 pixels of 0.5 µm down and 0.25 µm across: 1 µm is 10 000 to the cm.
        across, down = page.tags["XResolution"].value, page.tags["YResolution"].value
        assert (across[0] / across[1], down[0] / down[1]) == (10_000, 5_000)
        assert page.tags["ResolutionUnit"].value == 3


def test_gdal_reads_names_and_no_data(tmp_path, folder, scores):
    export(folder, tmp_path / "x.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(tmp_path / "x.tif") as file:
            np.testing.assert_array_equal(file.read(), scores)
            assert file.descriptions == ("tumour <&>", "Fettgewebe ü", "background")
            assert np.isnan(file.nodata)


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("shape", [(1, 1, 1), (300, 20, 40), (1, 600, 300), (4, 256, 512)])
def test_sizes(tmp_path, shape):
    scores = np.random.default_rng(0).random(shape).astype(np.float32)
    folder = make_map(tmp_path / "map", scores, chunks=(1, 100, 100))
    export(folder, tmp_path / "x.tif")
    found = tifffile.imread(tmp_path / "x.tif").reshape(*shape[1:], shape[0])
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), scores)


def test_tiles_of_many_bands_are_small():
    assert tile_side(1) == tile_side(16) == 256
    assert tile_side(17) == 128
    assert tile_side(100_000) == 16
