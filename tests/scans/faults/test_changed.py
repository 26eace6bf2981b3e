"""A map is gone on with only by the scan that it was begun by."""

import json
from dataclasses import replace

import numpy as np
import pytest

import onebyone as ob
from helpers import scan_runs
from helpers.scan_runs import digests
from onebyone.scans import scanning
from onebyone.scans.sources.arrays import array_source


@pytest.fixture
def begun(tiles, sliding, picture, tmp_path):
    return ob.scan(picture, sliding, tmp_path / "map.zarr", executor=1).path


def refused(begun, name, image, sliding, **options):
    before = digests(begun)
    with pytest.raises(ob.InputError) as caught:
        ob.scan(image, sliding, begun, resume=True, **options)
    line = str(caught.value)
    assert line.startswith(f"{begun}: was begun with another {name}: ")
    assert line.endswith("; go on with the same, or begin again with --overwrite")
    assert "\n" not in line
    assert digests(begun) == before


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("weights", {"seed": 1}),
        ("stride", {"stride": 3}),
        ("scale", {"scale": 1.0}),
        ("mean", {"mean": 0.5}),
        ("std", {"std": 0.5}),
        ("backend", {"backend": "auto"}),
        ("padding", {"padding": "image"}),
    ],
)
def test_another_model(begun, picture, name, options):
    refused(begun, name, picture, scan_runs.sliding_model(**options))


def test_another_network_of_the_same_weights(begun, picture):
    from torch import nn

    net = scan_runs.network()
    net[1] = nn.Tanh().eval()
    refused(begun, "network", picture, ob.slide(net, scan_runs.WINDOW, 2, scale=1 / 255))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("values", {"values": "probabilities"}),
        ("values", {"values": "top:2"}),
        ("dtype", {"dtype": "float16"}),
        ("edge", {"edge": "pad"}),
        ("mask", {"mask": np.eye(150, 190)}),
        ("classes", {"classes": ["a", "b", "c"]}),
    ],
)
def test_other_values(begun, picture, sliding, name, options):
    refused(begun, name, picture, sliding, **options)


def test_another_image(begun, sliding, picture):
    refused(begun, "image", scan_runs.picture(seed=1), sliding)
    refused(begun, "image", scan_runs.picture(152, 190), sliding)


def test_another_reader(begun, sliding, picture):
    source = array_source(picture, {}, 2)
    source.identity = {**source.identity, "reader": "array 2"}
    refused(begun, "image", source, sliding)


def test_another_version_of_onebyone(begun, sliding, picture, monkeypatch):
    monkeypatch.setattr(scanning, "version", lambda _: "99.0")
    refused(begun, "onebyone", picture, sliding)


def test_another_number_of_axes(begun):
    net = scan_runs.nn.Sequential(scan_runs.nn.Flatten(), scan_runs.nn.Linear(6, 2)).eval()
    line = np.zeros((1, 200), np.float32)
    with pytest.raises(ob.InputError, match="was begun with another weights"):
        ob.scan(line, ob.slide(net, (1, 6), 2), begun, resume=True)


def test_another_machine_is_told_of(begun, sliding, picture, monkeypatch):
    plain = scanning.machine
    monkeypatch.setattr(scanning, "machine", lambda s: plain(s) | {"processor": "AVX9"})
    with pytest.warns(UserWarning, match=r"was begun on another machine.*AVX9"):
        ob.scan(picture, sliding, begun, resume=True)


@pytest.mark.parametrize("damage", ["{}", '{"settings": {}}', "[]", "7"])
def test_a_map_whose_words_are_damaged_is_no_map(begun, sliding, picture, damage):
    file = begun / "zarr.json"
    told = json.loads(file.read_text())
    told["attributes"]["onebyone"] = json.loads(damage)
    told.pop("consolidated_metadata", None)
    file.write_text(json.dumps(told))
    with pytest.raises(ob.InputError, match="is there, and is no map of onebyone scan"):
        ob.scan(picture, sliding, begun, resume=True)


@pytest.mark.parametrize("array", ["scores", "state", "coarser/1"])
def test_a_map_without_one_of_its_arrays_is_damaged(begun, sliding, picture, array):
    (begun / array / "zarr.json").unlink()
    with pytest.raises(ob.InputError, match=r"is damaged .*; begin again with --overwrite"):
        ob.scan(picture, sliding, begun, resume=True)


def test_an_array_of_another_grid_is_damage(begun, sliding, picture):
    file = begun / "state" / "zarr.json"
    file.write_text(file.read_text().replace("73", "74"))
    with pytest.raises(ob.InputError, match="its state has another shape, type or chunks"):
        ob.scan(picture, sliding, begun, resume=True)


def test_the_same_settings_go_on_with_other_workers_and_memory(begun, sliding, picture):
    before = digests(begun)
    (begun / "state" / "c" / "0" / "1").unlink()
    run = ob.scan(picture, sliding, begun, resume=True, executor=3, memory=10**8)
    assert run.counts.tiles == 1
    assert digests(begun) == before
    assert replace(run, failed={}) == run
