"""A cloud-optimised GeoTIFF, read by rasterio: where pixels lie, and what is in them."""

import numpy as np
import pytest
import rasterio

from helpers.scan_maps import make_map
from onebyone.errors import InputError
from onebyone.scans.exports import export

WKT = rasterio.crs.CRS.from_epsg(32633).to_wkt()
NORTH_UP = (0.5, 0.0, 400_000.0, 0.0, -0.5, 6_000_000.0)
TURNED = (0.3, 0.4, 1000.0, 0.4, -0.3, 2000.0)


def on_earth(transform, y, x):
    a, b, c, d, e, f = transform
    return a * x + b * y + c, d * x + e * y + f


@pytest.mark.usefixtures("stripe")
def test_rasterio_reads_bands_names_and_place(tmp_path, scores):
    place = {"crs": WKT, "transform": NORTH_UP}
    folder = make_map(tmp_path / "map", scores, classes=["a<&>", "ü", "c"], place=place)
    export(folder, tmp_path / "x.tif")
    with rasterio.open(tmp_path / "x.tif") as file:
        np.testing.assert_array_equal(file.read(), scores)
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.descriptions == ("a<&>", "ü", "c")
        assert file.crs.to_epsg() == 32633
        assert np.isnan(file.nodata)
        # Windows of 8 pixels, one every 4: the first cell starts at pixel 2, 1 m into the image.
        assert file.transform[:6] == (2.0, 0.0, 400_001.0, 0.0, -2.0, 5_999_999.0)
        # The centre of window (1, 2): pixel 1·4 + 4 down and 2·4 + 4 across.
        assert file.xy(1, 2) == (400_006.0, 5_999_996.0)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["map", "x.tif"]


@pytest.mark.parametrize("transform", [NORTH_UP, TURNED])
def test_centres_agree_with_the_source_at_another_level(tmp_path, transform):
    scores = np.zeros((1, 5, 6), np.float32)
    folder = make_map(
        tmp_path / "map",
        scores,
        window=(3, 11, 8),
        stride=(3, 5),
        shrink=(2.0, 4.0),
        place={"crs": WKT, "transform": transform},
    )
    export(folder, tmp_path / "x.tiff")
    with rasterio.open(tmp_path / "x.tiff") as file:
        for row, column in ((0, 0), (4, 1), (2, 5)):
            y, x = 2.0 * (row * 3 + 11 / 2), 4.0 * (column * 5 + 8 / 2)
            np.testing.assert_allclose(file.xy(row, column), on_earth(transform, y, x), rtol=1e-14)


def test_overviews_are_means_of_what_there_is(tmp_path):
    scores = np.zeros((1, 512, 512), np.float32)
    scores[:, ::2] = 1
    scores[:, :2, :2] = [[np.nan, np.nan], [0.25, np.nan]]
    place = {"crs": WKT, "transform": NORTH_UP}
    export(make_map(tmp_path / "map", scores, place=place), tmp_path / "x.tif")
    with rasterio.open(tmp_path / "x.tif", overview_level=0) as file:
        coarser = file.read(1)
    assert coarser.shape == (256, 256)
    assert coarser[0, 0] == 0.25
    np.testing.assert_array_equal(coarser[5], 0.5)


def test_a_reference_system_that_gdal_does_not_know(tmp_path, capfd):
    place = {"crs": "nowhere", "transform": NORTH_UP}
    folder = make_map(tmp_path / "map", np.ones((1, 2, 2)), place=place)
    for name in ("x.tif", "x.geojson"):
        with pytest.raises(InputError, match="map: its reference system cannot be read"):
            export(folder, tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == ["map"]
    assert capfd.readouterr().err == ""
