"""Maps that strangers have written, or that are damaged: each is refused by one line."""

import json
import time

import numpy as np
import pytest
import zarr

import onebyone as ob
from helpers.scan_maps import make_map
from onebyone.cli import main
from onebyone.scans.exports import stripes

SCORES = np.random.default_rng(0).random((2, 5, 7))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A map of three levels, and its folder as the current one."""
    monkeypatch.chdir(tmp_path)
    labels = np.zeros((2, 5, 7), np.uint16)
    return make_map(tmp_path / "map.zarr", SCORES, labels=labels, coarser=2, classes=["a", "b"])


def changed(folder, name, change):
    """Change what `zarr.json` says."""
    file = folder / name / "zarr.json"
    told = json.loads(file.read_text())
    change(told)
    file.write_text(json.dumps(told))


def refused(folder, line, capsys):
    """A map is refused by Python and by the command line, which leaves all as it is."""
    files = sorted(folder.parent.rglob("*"))
    with pytest.raises(ob.InputError, match=line) as told:
        ob.export(folder, folder.parent / "map.csv")
    message = str(told.value)
    assert message.startswith(f"{folder}: ")
    assert len(message) < len(str(folder)) + 360
    assert main(["export", str(folder), "map.csv"]) == 2
    assert capsys.readouterr().err == f"onebyone: {message}\n"
    assert sorted(folder.parent.rglob("*")) == files


def test_a_map_that_is_whole(folder):
    found = ob.open_map(folder)
    assert (found.grid, len(found.scores), found.classes) == ((5, 7), 3, ("a", "b"))


@pytest.mark.parametrize(
    "content",
    ["", "7", "[]", "{}", "null", '"x"', "{" * 9, "[" * 10**5, '{"zarr_format": 3}',
     '{"zarr_format": 3, "node_type": "group", "attributes": 7}',
     '{"zarr_format": 3, "node_type": "group", "attributes": {"onebyone": []}}',
     '{"zarr_format": 3, "node_type": "group", "consolidated_metadata": 7}',
     '{"zarr_format": 3, "node_type": "array", "shape": "x"}', "\xff\x00"],
    ids=lambda text: text[:60],
)  # fmt: skip
def test_words_that_are_no_map(folder, content, capsys):
    (folder / "zarr.json").write_bytes(content.encode("latin-1"))
    refused(folder, "is no map of onebyone scan", capsys)


@pytest.mark.parametrize(
    ("name", "value"),
    [("window", ["3", "8", "8"]), ("window", None), ("stride", [0, 4]), ("stride", 4),
     ("image", "x"), ("image", {}), ("datasets", []), ("datasets", "scores"),
     ("classes", [1]), ("values", 1)],
)  # fmt: skip
def test_words_that_say_what_cannot_be(folder, name, value, capsys):
    changed(folder, ".", lambda told: told["attributes"]["onebyone"].update({name: value}))
    refused(folder, rf"is damaged \(its (image's )?{'name' if value == {} else name} is ", capsys)


@pytest.mark.parametrize("level", ["absent", "../map.zarr/scores", "/scores", "", "labels/x", "y"])
def test_levels_that_are_not_there(folder, level, capsys):
    changed(folder, ".", lambda told: told["attributes"]["onebyone"].update(datasets=[level]))
    if level == "/scores":
        assert len(ob.open_map(folder).scores) == 1
    else:
        refused(folder, "is damaged", capsys)


@pytest.mark.parametrize("array", ["scores", "coarser/1", "labels", "state"])
@pytest.mark.parametrize(
    "change",
    [
        {"shape": [5]}, {"shape": [2, 5, 10**15]}, {"shape": [0, 0, 0]}, {"shape": ["2", 5, 7]},
        {"shape": None}, {"shape": [-2, 5, 7]}, {"data_type": "complex64"}, {"data_type": "bool"},
        {"data_type": 7}, {"codecs": []}, {"codecs": "x"}, {"chunk_grid": {}},
        {"fill_value": "x"}, {"node_type": "group"}, {"zarr_format": "3"},
    ],
    ids=str,
)  # fmt: skip
def test_arrays_that_are_none_of_a_map(folder, array, change, capsys):
    changed(folder, array, lambda told: told.update(change))
    refused(folder, "is damaged|is no map of onebyone scan", capsys)


def test_a_map_that_says_it_is_endless(folder, capsys):
    """It would take years to read that nothing is there, and no memory holds a row."""
    side = 2**40
    for array, first in (("scores", [2]), ("labels", [2]), ("state", [])):
        for level in range(3 if first else 1):
            name = array if level == 0 else f"coarser/{level}"
            shape = [*first, side >> level, side >> level]
            changed(folder, name, lambda told, shape=shape: told.update(shape=shape))
    began = time.monotonic()
    refused(folder, "the shapes of its arrays do not fit", capsys)
    assert time.monotonic() - began < 60


def test_rows_that_are_not_there_are_not_read(folder, capsys):
    """A map may say that it has so many, that reading them would take years."""
    for name, shape in (
        ("scores", [2, 2**40, 7]), ("labels", [2, 2**40, 7]), ("state", [2**40, 7]),
        ("coarser/1", [2, 2**39, 4]), ("coarser/2", [2, 2**38, 2]),
    ):  # fmt: skip
        changed(folder, name, lambda told, shape=shape: told.update(shape=shape))
    count = 7 * 2**40
    refused(folder, f"{count - 35} of {count} windows have not been run", capsys)


@pytest.mark.parametrize(
    "classes", ["²", "9" * 5000, "c", "-1", "2", "a,²", "1.5", "٣٣"], ids=lambda text: text[:9]
)
def test_classes_that_are_none(folder, classes, capsys):
    assert main(["export", str(folder), "map.csv", f"--classes={classes}"]) == 2
    line = capsys.readouterr().err
    assert "is none of the map's; give one of a, b" in line
    assert line.count("\n") == 1
    assert not (folder.parent / "map.csv").exists()


def test_classes_by_number_or_name(folder):
    for classes in ("0", "a", " a ,0"):
        assert main(["export", str(folder), "map.csv", "--classes", classes]) == 0


@pytest.mark.parametrize("rows", [1, 2, 3, 16])
def test_windows_that_have_not_been_run_are_counted(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(stripes, "STRIPE", 40)  # a few rows at a time
    state = (np.random.default_rng(rows).random((17, 9)) < 0.5).astype(np.uint8)
    state[3 * rows : 5 * rows] = 0
    folder = make_map(tmp_path / "map.zarr", np.zeros((1, 17, 9)), state=state, chunks=(1, 4, 4))
    group = zarr.open_group(folder, mode="a")
    group.create_array("state", shape=(17, 9), chunks=(rows, 4), dtype="uint8", overwrite=True)
    group["state"][:] = state
    found = ob.open_map(folder)
    assert found.state.chunks == (rows, 4)
    assert stripes.count_missing(found) == (state == 0).sum() > 0
