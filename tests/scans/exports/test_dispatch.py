"""What can be exported as what, and what is said of the rest."""

import os
import sys

import numpy as np
import pytest
import zarr

from helpers.scan_maps import make_map
from onebyone.errors import InputError
from onebyone.scans.exports import dispatch, export
from onebyone.scans.exports.dispatch import FORMATS
from onebyone.scans.maps import open_map

NAMES = [f"x{suffix}" for suffix in FORMATS]


@pytest.mark.parametrize("name", NAMES)
def test_files_are_written_whole_and_replaced(tmp_path, folder, name):
    (tmp_path / name).write_text("old")
    before = {each.name for each in tmp_path.iterdir()}
    export(str(folder), str(tmp_path / name))
    first = (tmp_path / name).stat().st_size
    assert first > 3
    assert {each.name for each in tmp_path.iterdir()} == before
    export(open_map(folder), tmp_path / name)
    assert (tmp_path / name).stat().st_size == first


@pytest.mark.parametrize("name", NAMES)
def test_windows_that_are_to_be_run_are_counted(tmp_path, scores, state, name):
    state[:3, :4] = 0
    folder = make_map(tmp_path / "map", scores, state=state)
    message = (
        "map: 12 of 1961 windows have not been run; finish it with onebyone scan --resume, or "
        "export what there is with partial=True"
    )
    with pytest.raises(InputError, match=message):
        export(folder, tmp_path / name)
    assert not (tmp_path / name).exists()
    export(folder, tmp_path / name, partial=True)
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_chunk_that_cannot_be_read(tmp_path, scores, name):
    folder = make_map(tmp_path / "map", scores, chunks=(3, 10, 10))
    (folder / "scores/c/0/2/1").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"map: rows \d+:\d+ cannot be read"):
        export(folder, tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == ["map"]


@pytest.mark.parametrize("name", NAMES)
def test_maps_of_one_and_three_axes(tmp_path, name):
    kind = FORMATS[name[1:]]
    for axes in (1, 3):
        folder = make_map(tmp_path / f"map{axes}", np.ones((2, *(4, 5, 6)[:axes])))
        if axes in kind.axes:
            export(folder, tmp_path / name)
            continue
        with pytest.raises(InputError, match=rf"{name}: cannot hold a map of {axes} axes; give .n"):
            export(folder, tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_maps_of_the_best_few(tmp_path, name):
    scores, labels = np.ones((2, 4, 5)), np.ones((2, 4, 5), np.uint16)
    folder = make_map(tmp_path / "map", scores, labels=labels, values="top")
    if FORMATS[name[1:]].labels:
        export(folder, tmp_path / name)
        return
    message = "cannot say whose the scores are.* give .geojson, .png, .csv, .parquet$"
    with pytest.raises(InputError, match=f"{name}: {message}"):
        export(folder, tmp_path / name)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x", {}, r"x: give a name that ends in .npy, .ome.tif, .tif, .geojson, .png, .html, .csv"),
        ("x.zip", {}, "x.zip: give a name that ends in"),
        ("no/x.npy", {}, "no/x.npy: its folder .*no does not exist"),
        ("map.zarr", {}, "map.zarr: give a name"),
        ("x.npy", {"top": 3}, "top: is for .csv, .parquet, not for x.npy"),
        ("x.csv", {"threshold": 0.5}, "threshold: is for .geojson, not for x.csv"),
        ("x.png", {"image": np.zeros((3, 4, 4))}, "image: is for .html, not for x.png"),
        ("x.csv", {"top": 0}, "top=0: give 1 or more"),
        ("x.geojson", {"threshold": float("nan")}, "threshold=nan: give a number"),
        ("x.csv", {"classes": ["d"]}, "classes: 'd' is none of the map's; give one of tumour"),
        ("x.csv", {"classes": [3]}, "classes: 3 is none of the map's"),
        ("x.csv", {"classes": [-1]}, "classes: -1 is none"),
        ("x.csv", {"classes": []}, "classes: give at least one"),
    ],
)
def test_what_does_not_fit(tmp_path, folder, name, options, message):
    with pytest.raises(InputError, match=message) as raised:
        export(folder, tmp_path / name, **options)
    assert "\n" not in str(raised.value)
    assert [each.name for each in tmp_path.iterdir()] == ["map.zarr"]


def test_classes_without_names(tmp_path):
    folder = make_map(tmp_path / "map", np.ones((2, 3, 3)))
    with pytest.raises(InputError, match="'c' is none of the map's; give a number from 0 to 1"):
        export(folder, tmp_path / "x.csv", classes=["c"])


def test_the_map_itself_is_not_written_to(tmp_path, folder):
    (tmp_path / "link").symlink_to(folder)
    for to in (folder / "x.npy", folder / "scores" / "x.npy", tmp_path / "link" / "x.npy"):
        with pytest.raises(InputError, match=r"x\.npy: is inside the map"):
            export(folder, to)
    export(tmp_path / "link", tmp_path / "x.npy")


def test_what_is_no_map(tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    zarr.open_group(tmp_path / "group", mode="w")
    for name in ("file", "empty", "pipe", "group", "absent"):
        with pytest.raises(InputError, match=f"{name}: is no map of onebyone scan"):
            export(tmp_path / name, tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("name", "package", "install"),
    [
        ("x.tif", "tifffile", "'onebyone[scan]'"),
        ("x.ome.tif", "tifffile", "'onebyone[scan]'"),
        ("x.parquet", "pyarrow", "pyarrow"),
    ],
)
def test_packages_that_are_missing(tmp_path, folder, monkeypatch, name, package, install):
    monkeypatch.setattr(dispatch, "find_spec", lambda asked: None if asked == package else "")
    with pytest.raises(InputError) as raised:
        export(folder, tmp_path / name)
    assert str(raised.value).endswith(f"{name}: needs {package}: pip install {install}")


@pytest.mark.parametrize("name", ["x.tif", "x.geojson"])
def test_georeferences_need_gdal(tmp_path, monkeypatch, name):
    monkeypatch.setattr(dispatch, "find_spec", lambda asked: None if asked == "rasterio" else "")
    place = {"crs": "any", "transform": [1, 0, 0, 0, -1, 0]}
    folder = make_map(tmp_path / "map", np.ones((1, 2, 2)), place=place)
    with pytest.raises(InputError, match=r"needs rasterio: pip install 'onebyone\[geo\]'"):
        export(folder, tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
def test_devices_are_not_written_to(folder):
    with pytest.raises(InputError, match="give a name that ends"):
        export(folder, "/dev/full")
