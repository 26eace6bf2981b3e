"""Scenes: their place on the Earth, no data, overviews, and handles of threads."""

import pickle

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from helpers.scan_images import DEEP, PHOTO, first, scene
from onebyone.errors import InputError
from onebyone.scans.sources.geo import GeoSource
from onebyone.scans.sources.opening import open_source


def test_place_nodata_and_levels(tmp_path):
    path = tmp_path / "g.tif"
    scene(path, DEEP)
    source = open_source(path)
    with rasterio.open(path) as file:
        assert source.place.crs == file.crs.to_wkt()
        for row, column in ((0, 0), (17, 40)):
            a, b, c, d, e, f = source.place.transform
            corner = (a * column + b * row + c, d * column + e * row + f)
            assert corner == file.xy(row, column, offset="ul")
    assert source.nodata == 7
    assert source.spacing is None
    assert [level.shrink for level in source.levels] == [(1, 1), (2, 2), (4, 4)]
    copy = pickle.loads(pickle.dumps(source))
    assert (copy.place, copy.nodata, copy.levels) == (source.place, 7, source.levels)


def test_bands_in_any_order(tmp_path):
    scene(tmp_path / "g.tif", DEEP)
    source = open_source(tmp_path / "g.tif", {"C": [3, 1]})
    np.testing.assert_array_equal(source.read(0, (5, 6), (7, 8)), DEEP[[3, 1], 5:12, 6:14])


def test_an_alpha_band_is_left_out_unless_it_is_selected(tmp_path):
    path = tmp_path / "g.tif"
    pixels = np.concatenate([first(PHOTO), first(PHOTO)[:1]])
    scene(path, pixels, photometric="rgb", alpha="yes", nodata=None)
    with pytest.warns(UserWarning, match="its alpha channel is left out"):
        source = open_source(path)
    np.testing.assert_array_equal(source.read(0, (0, 0), (357, 541)), first(PHOTO))
    chosen = open_source(path, {"C": [3]})
    np.testing.assert_array_equal(chosen.read(0, (0, 0), (357, 541)), pixels[3:])


def test_a_truncated_scene(tmp_path):
    path = tmp_path / "g.tif"
    scene(path, DEEP)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="truncated or damaged"):
        open_source(path)


def test_a_damaged_tile_is_named_and_others_are_read(tmp_path):
    path = tmp_path / "g.tif"
    scene(path, DEEP[:1])
    with rasterio.open(path) as file:
        at = int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1))
        count = int(file.get_tag_item("BLOCK_SIZE_0_0", "TIFF", 1))
    data = bytearray(path.read_bytes())
    data[at : at + count] = b"\xff" * count
    path.write_bytes(data)
    source = open_source(path)
    for _ in range(2):
        with pytest.raises(InputError, match=r"level 0, pixels 3:9, 4:10 cannot be read \("):
            source.read(0, (3, 4), (6, 6))
        np.testing.assert_array_equal(source.read(0, (64, 64), (30, 30)), DEEP[:1, 64:94, 64:94])


def test_a_scene_without_a_place(tmp_path):
    path = tmp_path / "a.img"
    size = {"count": 4, "height": 130, "width": 97, "dtype": "uint16"}
    with (
        pytest.warns(NotGeoreferencedWarning),
        rasterio.open(path, "w", driver="HFA", **size) as file,
    ):
        file.write(DEEP)
    source = open_source(path)
    assert source.place is None
    np.testing.assert_array_equal(source.read(0, (0, 0), (130, 97)), DEEP)


def test_a_transform_that_is_turned(tmp_path):
    turned = rasterio.Affine.translation(5e5, 5e6) @ rasterio.Affine.rotation(30)
    scene(tmp_path / "g.tif", DEEP, transform=turned)
    place = open_source(tmp_path / "g.tif").place
    assert place.transform == pytest.approx(tuple(turned)[:6])


def test_scenes_are_pictures_of_one_type(tmp_path):
    scene(tmp_path / "g.tif", DEEP)
    with pytest.raises(InputError, match="two axes of space, not 3"):
        open_source(tmp_path / "g.tif", space=3)
    (tmp_path / "a.vrt").write_text("<VRTDataset></VRTDataset>")
    with pytest.raises(InputError, match="holds no image that is read"):
        GeoSource(tmp_path / "a.vrt", {}, 2)
