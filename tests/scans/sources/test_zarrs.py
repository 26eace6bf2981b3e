"""Zarr: OME's axes, units and scales; addresses; and what is no image."""

import json
import pickle

import fsspec
import numpy as np
import pytest
import zarr

from helpers.scan_images import DEEP, PHOTO, first, ome_zarr
from onebyone.errors import InputError
from onebyone.scans.sources.opening import open_source

CHOICE = {"T": 0, "Z": 1}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("unit", "factor"), [("micrometer", 1), ("nanometer", 1e-3), ("millimeter", 1e3), (None, None)]
)
def test_spacing_in_any_unit(tmp_path, version, unit, factor):
    ome_zarr(tmp_path / "a.zarr", version, unit)
    source = open_source(tmp_path / "a.zarr", CHOICE)
    assert [level.shrink for level in source.levels] == [(1, 1), (2, 2)]
    expected = factor and pytest.approx((0.5 * factor, 0.25 * factor))
    assert [source.spacing] == [expected]
    volume = open_source(tmp_path / "a.zarr", {"T": 0}, space=3)
    assert volume.levels[1].size == (4, 33, 41)
    assert volume.levels[1].shrink == (1, 2, 2)
    assert [volume.spacing] == [factor and pytest.approx((2 * factor, 0.5 * factor, 0.25 * factor))]


def test_axes_must_be_chosen_from(tmp_path):
    ome_zarr(tmp_path / "a.zarr", "0.5")
    with pytest.raises(InputError, match="c=3, z=4, y=65, x=81; choose one place along t"):
        open_source(tmp_path / "a.zarr")
    with pytest.raises(InputError, match="has no t=2"):
        open_source(tmp_path / "a.zarr", {"T": 2, "Z": 0})


def test_a_scale_of_all_levels_and_a_unit_that_is_a_word(tmp_path):
    ome_zarr(tmp_path / "a.zarr", "0.4")
    group = zarr.open_group(tmp_path / "a.zarr")
    (told,) = group.attrs["multiscales"]
    told["coordinateTransformations"] = [{"type": "scale", "scale": [1, 1, 1, 10, 10]}]
    told["axes"][3]["unit"] = "parsec"
    group.attrs["multiscales"] = [told]
    assert open_source(tmp_path / "a.zarr", CHOICE).spacing is None
    told["axes"][3]["unit"] = "micrometer"
    group.attrs["multiscales"] = [told]
    assert open_source(tmp_path / "a.zarr", CHOICE).spacing == pytest.approx((5, 2.5))


def test_scales_that_the_sizes_contradict(tmp_path):
    ome_zarr(tmp_path / "a.zarr", "0.4")
    group = zarr.open_group(tmp_path / "a.zarr")
    (told,) = group.attrs["multiscales"]
    told["datasets"][1]["coordinateTransformations"][0]["scale"] = [1, 1, 1, 9.0, 9.0]
    group.attrs["multiscales"] = [told]
    assert open_source(tmp_path / "a.zarr", CHOICE).levels[1].shrink == (2, 2)


def test_images_of_bioformats2raw_and_plates(tmp_path):
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    arrays = ome_zarr(tmp_path / "a.zarr" / "0", "0.4")
    source = open_source(tmp_path / "a.zarr", CHOICE)
    pixels = pickle.loads(pickle.dumps(source)).read(1, (0, 0), (33, 41))
    np.testing.assert_array_equal(pixels, arrays[1][0, :, 1])
    plate = zarr.open_group(tmp_path / "p.zarr", mode="w")
    plate.attrs["ome"] = {"version": "0.5", "plate": {"wells": []}}
    with pytest.raises(InputError, match="is a plate of many images"):
        open_source(tmp_path / "p.zarr")


@pytest.mark.parametrize(
    "damage",
    [
        {"datasets": []},
        {"datasets": [{}]},
        {"datasets": [{"path": "nowhere"}]},
        {"datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale"}]}]},
        {"datasets": 3},
        {"axes": [{"name": "y"}, {"name": "x"}]},
        {"axes": [{}]},
        {"axes": [3]},
    ],
)
def test_metadata_that_are_damaged(tmp_path, damage):
    ome_zarr(tmp_path / "a.zarr", "0.4")
    group = zarr.open_group(tmp_path / "a.zarr")
    group.attrs["multiscales"] = [group.attrs["multiscales"][0] | damage]
    with pytest.raises(InputError, match=r"a\.zarr: ") as caught:
        open_source(tmp_path / "a.zarr", CHOICE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ome", [3, None, "x", [], {"multiscales": 3}, {"multiscales": [3]}])
def test_ome_metadata_of_another_kind(tmp_path, ome):
    root = zarr.open_group(tmp_path / "a.zarr", mode="w")
    root.attrs["ome"] = ome
    root.attrs["bioformats2raw.layout"] = 3
    root.create_array("0", data=DEEP)
    with pytest.raises(InputError, match=r"a\.zarr: "):
        open_source(tmp_path / "a.zarr")


def test_a_chunk_that_is_damaged(tmp_path):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=DEEP, chunks=(4, 64, 64))
    chunk = path / "c" / "0" / "0" / "1"
    chunk.write_bytes(b"no chunk")
    source = open_source(path)
    with pytest.raises(InputError, match=r"level 0, pixels 0:9, 60:70 cannot be read \("):
        source.read(0, (0, 60), (9, 10))
    np.testing.assert_array_equal(source.read(0, (0, 0), (64, 64)), DEEP[:, :64, :64])
    chunk.unlink()  # as Zarr has it: what was never written is the fill value
    np.testing.assert_array_equal(source.read(0, (0, 64), (9, 9)), 0 * DEEP[:, :9, :9])


@pytest.mark.parametrize("name", ["zarr.json", ".zarray", ".zgroup"])
@pytest.mark.parametrize("text", ["", "{}", "[]", "no JSON", json.dumps({"zarr_format": 9})])
def test_documents_that_are_damaged(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=r"holds no Zarr|without an OME-Zarr image") as caught:
        open_source(tmp_path)
    assert "\n" not in str(caught.value)


def test_addresses():
    address = "memory://folder/image.zarr"
    zarr.create_array(address, data=PHOTO, chunks=(64, 64, 3), overwrite=True)
    source = open_source(address)
    assert source.name == address
    assert int(source.identity["bytes"]) > 0
    for each in (source, pickle.loads(pickle.dumps(source))):
        np.testing.assert_array_equal(each.read(0, (3, 4), (50, 60)), first(PHOTO)[:, 3:53, 4:64])
    array = zarr.open_array(address, mode="r+")
    array[:] = 255 - PHOTO
    assert open_source(address).identity != source.identity
    fsspec.filesystem("memory").rm("/folder", recursive=True)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://nothing/here", "holds no Zarr that can be opened"),
        ("s3://bucket/image.zarr", "needs a package for its address.*s3fs"),
        ("https://localhost:1/image.zarr", "needs a package for its address.*aiohttp"),
        ("nonsense://x", "must be downloaded.*nonsense"),
        ("memory://x", "holds no Zarr that can be opened"),
        ("://", "holds no Zarr that can be opened"),
    ],
)
def test_addresses_that_cannot_be_opened(address, message):
    with pytest.raises(InputError, match=message) as caught:
        open_source(address)
    assert "\n" not in str(caught.value)


def test_nothing_is_written(tmp_path):
    ome_zarr(tmp_path / "a.zarr", "0.5")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    open_source(tmp_path / "a.zarr", CHOICE).read(0, (0, 0), (65, 81))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_another_image_of_the_same_kind_is_another(tmp_path):
    zarr.create_array(tmp_path / "a", data=PHOTO)
    zarr.create_array(tmp_path / "b", data=PHOTO)
    zarr.create_array(tmp_path / "c", data=255 - PHOTO)
    a, b, c = (open_source(tmp_path / name).identity for name in "abc")
    assert a == b != c
