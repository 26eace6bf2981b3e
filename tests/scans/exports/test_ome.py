"""A pyramid in OME-TIFF, read by tifffile."""

from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from helpers.scan_maps import halved, make_map
from onebyone.scans.exports import export

OME = {"ome": "http://www.openmicroscopy.org/Schemas/OME/2016-06"}


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("name", ["x.ome.tif", "x.OME.TIFF"])
def test_levels_channels_and_sizes(tmp_path, folder, scores, name):
    export(folder, tmp_path / name)
    with tifffile.TiffFile(tmp_path / name) as file:
        assert file.is_ome
        assert file.is_bigtiff
        (series,) = file.series
        assert series.axes == "CYX"
        assert [level.shape for level in series.levels] == [(3, 37, 53), (3, 19, 27), (3, 10, 14)]
        for level in series.levels:
            np.testing.assert_allclose(level.asarray(), scores, rtol=1e-6)
            scores = halved(scores)
        pixels = ElementTree.fromstring(file.ome_metadata).find("ome:Image/ome:Pixels", OME)
    names = [channel.get("Name") for channel in pixels.findall("ome:Channel", OME)]
    assert names == ["tumour <&>", "Fettgewebe ü", "background"]
    # One window every 4 pixels of 0.5 µm down and 0.25 µm across.
    assert (float(pixels.get("PhysicalSizeY")), float(pixels.get("PhysicalSizeX"))) == (2.0, 1.0)
    assert pixels.get("PhysicalSizeXUnit") == "µm"


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_whole_numbers_stay_and_windows_without_scores_are_0(tmp_path, scores, dtype):
    top = np.iinfo(dtype).max - 1
    folder = make_map(tmp_path / "map", scores, dtype=dtype, coarser=1)
    export(folder, tmp_path / "x.ome.tif")
    found = tifffile.imread(tmp_path / "x.ome.tif")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.rint(np.nan_to_num(scores) * top))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_floats_have_32_bits(tmp_path, scores, dtype):
    export(make_map(tmp_path / "map", scores, dtype=dtype), tmp_path / "x.ome.tif")
    found = tifffile.imread(tmp_path / "x.ome.tif")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, scores, atol=1e-3)


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize(
    "shape", [(2, 3, 5, 7), (1, 4, 300, 20), (1, 1, 1), (30, 2, 600), (2, 600, 40)]
)
def test_sizes_and_volumes(tmp_path, shape):
    scores = np.random.default_rng(0).random(shape).astype(np.float32)
    spacing = (2.0, 1.0, 0.5)[4 - len(shape) :]
    export(make_map(tmp_path / "map", scores, spacing=spacing), tmp_path / "x.ome.tif")
    with tifffile.TiffFile(tmp_path / "x.ome.tif") as file:
        np.testing.assert_array_equal(file.asarray().reshape(shape), scores)
        assert ("PhysicalSizeZ" in file.ome_metadata) == (len(shape) == 4)
