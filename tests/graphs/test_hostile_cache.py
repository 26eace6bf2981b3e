"""Files in the cache that somebody else wrote, with a right digest: no code runs."""

import contextlib
import json
import random
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import onebyone as ob
from helpers import hostile
from onebyone.graphs import kept
from onebyone.graphs.capture import Captured
from onebyone.graphs.kept import captured

WINDOW = (3, 8, 8)


def network(slope: float = 0.01) -> nn.Module:
    layers = (nn.Conv2d(3, 4, 3, padding=1), nn.LeakyReLU(slope), nn.Flatten(), nn.Linear(256, 2))
    return nn.Sequential(*layers).eval()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path))
    return tmp_path / "captured"


@pytest.fixture
def file(cache: Path) -> Path:
    captured(network(), WINDOW)
    (path,) = cache.iterdir()
    return path


def _held(file: Path) -> Any:
    return json.loads(file.read_text().split("\n", 1)[1])


def _sign(file: Path, held: Any) -> None:
    text = json.dumps(held)
    file.write_text(f"{kept._digest(text)}\n{text}")


def _read(file: Path) -> Captured | None:
    """What is made of a file; one warning says why it is nothing."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = kept._read(file, network(), WINDOW)
    assert len(caught) == (found is None)
    return found


def _assert_right(model: nn.Module) -> None:
    image = torch.randn(1, 3, 12, 12)
    with torch.no_grad():
        found = ob.slide(model, WINDOW, 2, verify=0)(image)
        torch.testing.assert_close(found[..., 1, 2], model(image[:, :, 2:10, 4:12]))


def test_a_graph_of_another_network_is_not_used(cache: Path, file: Path) -> None:
    other = network(0.5)
    captured(other, WINDOW)
    (theirs,) = set(cache.iterdir()) - {file}
    shutil.copy(file, theirs)
    with pytest.warns(UserWarning, match="written for another network"):
        _assert_right(other)


def _node(held: Any, op: str, place: int = 0) -> Any:
    nodes = [node for node in held["captured"]["nodes"] if node["op"] == op]
    return nodes[place]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda h: _node(h, "call_function").update(kwargs={"x=print()": 1}), "be the name"),
        (lambda h: _node(h, "call_function").update(kwargs={"absent": 1}), "is called with absent"),
        (lambda h: _node(h, "placeholder").update(target="x=print()"), "be the name"),
        (lambda h: _node(h, "get_attr").update(target="model.0.absent"), "model.0.absent"),
        (lambda h: _node(h, "get_attr").update(target="model.0.bias"), "shape or type"),
        (lambda h: _node(h, "call_function")["args"].pop(), "cannot be computed"),
        (lambda h: _node(h, "call_function")["args"].append({"node": -1}), "whole number"),
        (lambda h: _node(h, "call_function")["args"].append({"node": 50}), "reads node 50"),
        (lambda h: _node(h, "call_function", 1)["value"]["shape"][0].reverse(), "shape or type"),
        (lambda h: _node(h, "placeholder")["value"]["shape"][1].reverse(), "windows"),
        (lambda h: h["captured"].update(output=["list", 0]), None),
        (lambda h: h["captured"].update(output=["list", 0, 0]), "1 results"),
        (lambda h: h["captured"].update(results=[{"node": 1}]), "not the batch"),
        (lambda h: h["captured"].update(constants={"a b": 1}), "be the name"),
        (lambda h: h.update(captured=None), "no object"),
    ],
)
def test_what_no_capture_writes_is_captured_again(
    file: Path, change: Any, said: str | None
) -> None:
    held = _held(file)
    change(held)
    _sign(file, held)
    if said is None:
        assert _read(file) is not None  # another structure is for verify to see
    else:
        with pytest.warns(UserWarning, match=said):
            assert kept._read(file, network(), WINDOW) is None


@pytest.mark.slow
def test_no_string_runs_code(file: Path, tmp_path: Path) -> None:
    marker, held = tmp_path / "marker", _held(file)
    tried = read = 0
    for data in hostile.with_code(held, hostile.payloads(marker), [*hostile.places(held)]):
        _sign(file, data)
        tried += 1
        read += _read(file) is not None
        assert not marker.exists(), data
    assert tried > 100
    assert read < 0.2 * tried


@pytest.mark.slow
def test_fuzz(file: Path) -> None:
    """What is still read runs, or is found not to be exact."""
    draw, held, whole = random.Random(0), _held(file), file.read_bytes()
    read = 0
    for turn in range(600):
        if turn % 3:
            _sign(file, hostile.mutated(held, draw))
        else:
            file.write_bytes(hostile.damaged(whole, draw))
        if _read(file) is not None:
            read += 1
            with contextlib.suppress(ob.NotExact):
                ob.slide(network(), WINDOW, 2)(torch.randn(1, 3, 12, 12))
    assert read > 0
