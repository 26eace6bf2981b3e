"""What is no image, and what is one under another name: one line each."""

import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from skimage import data

from helpers.scan_images import PHOTO, first, pyramid, scene
from onebyone.errors import InputError
from onebyone.scans.sources import opening
from onebyone.scans.sources.opening import open_source


def refused(image, match, **options):
    with pytest.raises(InputError, match=match) as caught:
        open_source(image, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith((str(image), "image", "space", "select"))


def hide(monkeypatch, *packages):
    """Make packages look as though they were not installed."""
    real = opening.find_spec
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name in packages else real(name))


@pytest.mark.parametrize("suffix", [".tif", ".png", ".svs", ".npy", ".npz", ".txt", "", ".jp2"])
def test_files_that_are_no_images(tmp_path, suffix):
    path = tmp_path / f"bild äöü 画像{suffix}"
    refused(path, "no such file")
    path.write_bytes(b"")
    refused(path, "the file is empty")
    path.write_text("This is a text.\n" * 20)
    refused(path, "readable|holds no image")
    path.write_bytes(bytes(1000))
    refused(path, "readable|holds no image")
    path.unlink()
    os.mkfifo(path)
    refused(path, "not a file")


@pytest.mark.parametrize("start", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II*\0\x08\0\0\0"])
@pytest.mark.parametrize("rest", [b"", b"\xff" * 40, bytes(40), b"\x08\0\0\0\xff\xff" + b"\1" * 99])
def test_beginnings_of_tiff(tmp_path, start, rest):
    (tmp_path / "a.tif").write_bytes(start + rest)
    refused(tmp_path / "a.tif", "truncated or damaged")


def test_names_that_lead_nowhere(tmp_path):
    refused("a\0b.tif", "no such file|leads to no file")
    refused("x" * 5000, "leads to no file|no such file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refused(tmp_path / "loop", "no such file|leads to no file")
    refused("", "no Zarr|no such file")


def test_folders(tmp_path):
    refused(tmp_path, "holds no Zarr array or OME-Zarr image")
    zarr.open_group(tmp_path / "g.zarr", mode="w").create_array("a", data=np.zeros((4, 4)))
    refused(tmp_path / "g.zarr", "a group without an OME-Zarr image; .* arrays: a$")
    assert open_source(tmp_path / "g.zarr" / "a").levels[0].size == (4, 4)


def test_other_objects():
    refused(None, "not NoneType")
    refused([[1, 2]], "not list")
    refused(PHOTO, "give 1 for signals", space=4)
    refused(PHOTO, "give places by axis", select=[0])


@pytest.mark.parametrize("name", ["png", "tif", "svs", "jpg", "dat"])
def test_the_content_counts_where_the_suffix_is_wrong(tmp_path, name):
    tifffile.imwrite(tmp_path / "a.tif", PHOTO, tile=(64, 64))
    path = (tmp_path / "a.tif").rename(tmp_path / f"a.{name}")
    np.testing.assert_array_equal(open_source(path).read(0, (0, 0), (357, 541)), first(PHOTO))
    if name != "svs":
        Image.fromarray(PHOTO).save(path, "PNG")
        np.testing.assert_array_equal(open_source(path).read(0, (0, 0), (357, 541)), first(PHOTO))


def test_which_reader_is_chosen(tmp_path):
    pyramid(tmp_path / "p.tif", PHOTO)
    scene(tmp_path / "g.tif", first(PHOTO))
    Image.fromarray(PHOTO).save(tmp_path / "a.webp")
    np.save(tmp_path / "a.npy", PHOTO)
    zarr.create_array(tmp_path / "z", data=PHOTO)
    pyramid(tmp_path / "a.svs", PHOTO)
    names = {"p.tif": "tifffile", "g.tif": "rasterio", "a.webp": "pillow", "a.npy": "numpy",
             "z": "zarr", "a.svs": "openslide"}  # fmt: skip
    for name, reader in names.items():
        assert str(open_source(str(tmp_path / name)).identity["reader"]).startswith(reader)


def test_a_slide_of_a_vendor_is_one_whatever_it_is_called(tmp_path):
    pyramid(tmp_path / "a.tif", data.astronaut(), description="Aperio Image Library |MPP = 0.5")
    source = open_source(tmp_path / "a.tif")
    assert str(source.identity["reader"]).startswith("openslide")
    assert source.spacing == (0.5, 0.5)


def test_packages_that_are_missing(tmp_path, monkeypatch):
    for name in ("a.svs", "a.tif"):
        pyramid(tmp_path / name, PHOTO)
    zarr.create_array(tmp_path / "z", data=PHOTO)
    (tmp_path / "a.dem").write_bytes(b"something")
    hide(monkeypatch, "openslide", "tifffile", "zarr", "rasterio")
    refused(tmp_path / "a.svs", r"needs openslide: pip install 'onebyone\[slides\]'")
    refused(tmp_path / "a.tif", r"needs tifffile: pip install 'onebyone\[scan\]'")
    refused(tmp_path / "z", r"needs zarr: pip install 'onebyone\[scan\]'")
    refused("memory://z", r"needs zarr: pip install 'onebyone\[scan\]'")
    refused(tmp_path / "a.dem", r"pip install 'onebyone\[geo\]'")


def test_without_gdal_a_scene_loses_its_place(tmp_path, monkeypatch):
    levels = scene(tmp_path / "g.tif", first(PHOTO))
    hide(monkeypatch, "rasterio")
    with pytest.warns(UserWarning, match=r"its place on the Earth is lost.*onebyone\[geo\]"):
        source = open_source(tmp_path / "g.tif")
    assert source.place is None
    assert source.nodata == 7
    for number, whole in enumerate(levels):
        pixels = source.read(number, (0, 0), whole.shape[1:])
        np.testing.assert_array_equal(pixels, whole)


def test_pictures_that_are_too_large_to_hold(tmp_path, monkeypatch):
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    refused(tmp_path / "a.png", "save it as a tiled TIFF or Zarr")


def test_relative_paths_and_paths_as_text(tmp_path, monkeypatch):
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    for path in ("a.png", Path("a.png"), "./a.png"):
        assert open_source(path).name == str(Path(path))


def test_nothing_is_said_of_good_files(tmp_path):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for name in ("a.tif", "b.svs"):
            pyramid(tmp_path / name, PHOTO)
            open_source(tmp_path / name).read(0, (0, 0), (9, 9))
        scene(tmp_path / "g.tif", first(PHOTO))
        open_source(tmp_path / "g.tif").read(0, (0, 0), (9, 9))
    assert [each for each in said if issubclass(each.category, UserWarning)] == []


@pytest.mark.parametrize("name", ["page.npy", "page.png", "page.tif", "page.zarr", "scene.tif"])
def test_other_processes_find_the_file_from_their_own_folder(tmp_path, monkeypatch, name):
    pixels = np.arange(40 * 50, dtype=np.uint8).reshape(40, 50)
    monkeypatch.chdir(tmp_path)
    if name == "page.npy":
        np.save(name, pixels[None])
    elif name == "page.png":
        Image.fromarray(pixels).save(name)
    elif name == "page.tif":
        tifffile.imwrite(name, pixels)
    elif name == "page.zarr":
        zarr.save_array(name, pixels[None])
    else:
        scene(name, pixels[None])
    with open_source(name) as source:
        assert source.name == name
        there = pickle.dumps(source)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pickle.loads(there) as source:
        assert (source.read(0, (0, 0), (40, 50))[0] == pixels).all()
