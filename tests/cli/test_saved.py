"""What `onebyone slide` says that sharing saved, and class names in all that it writes."""

import json
import re
import sys

import numpy as np
import pytest
import torch

import onebyone as ob
from onebyone.cli import main, saved

# Unpadded 3×3 of 1 → 4 channels on 6×6 windows, stride 2, on 20×30 pixels: 8×13 windows.
PROGRAM = """
import torch
def network():
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(64, 3)
    return torch.nn.Sequential(*layers)
"""
CROPS = 8 * 13 * (16 * 4 * 9 * 2 + 64 * 3 * 2)
SHARED = 18 * 28 * 4 * 9 * 2 + 8 * 13 * 64 * 3 * 2


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # a command leaves its folder there
    (tmp_path / "saved_networks.py").write_text(PROGRAM)
    rng = np.random.default_rng(0)
    np.save("x <b>.npy", rng.uniform(size=(20, 30)).astype(np.float32))
    (tmp_path / "names.txt").write_text("cat\n<dog>\nbackground\n")
    return tmp_path


def slide(*words, out="map.npz", model="saved_networks:network"):
    given = ["--model", model, "--out", out, "--window", "1,6,6", "--stride", "2"]
    return main(["slide", "x <b>.npy", *given, *words])


def network():
    names: dict = {}
    exec(PROGRAM, names)
    return names["network"]().eval()


def test_operations_are_those_of_the_layers(here, capsys, monkeypatch):
    monkeypatch.setattr("onebyone.windows.target.known_costs", lambda: ob.Costs(1, 0))
    assert slide("--json") == 0
    assert json.loads(capsys.readouterr().out)["operations"] == {"here": SHARED, "crops": CROPS}
    assert slide() == 0
    said = capsys.readouterr().out.splitlines()[1]
    assert said == f"{SHARED / 1e3:.3g} k operations instead of {CROPS / 1e3:.3g} k of crops, " + (
        f"{CROPS / SHARED:.1f}× fewer"
    )


def test_the_report_says_it_once(here, capsys):
    assert slide("--report") == 0
    assert capsys.readouterr().out.count("fewer") == 1


def test_crops_are_timed_and_estimated(here, capsys, monkeypatch):
    assert slide("--compare", "--json") == 0
    found = json.loads(capsys.readouterr().out)["crop_time"]
    assert (found["timed"], found["windows"], found["batch"]) == (104, 104, 8)
    assert slide("--compare") == 0
    assert re.search(
        r"crops took [\d.e-]+ s, [\d.]+× as long \(in batches of 8\)", capsys.readouterr().out
    )
    monkeypatch.setattr(saved, "MOST", 20)
    assert slide("--compare") == 0
    said = capsys.readouterr().out
    assert "crops would take about " in said
    assert "(estimated from 20 of 104 windows in batches of 8)" in said


def test_the_crops_are_those_of_the_image(monkeypatch):
    """Each window that is timed is what the network would be given, in batches of 8 at most."""
    image, given = torch.rand(1, 20, 30), []
    sliding = ob.slide(network(), window=(1, 6, 6), stride=(2, 4))
    sliding.model.register_forward_pre_hook(lambda _, inputs: given.append(*inputs))
    found = saved.time_crops(sliding, image)
    grid = sliding.grid(20, 30)
    windows = image[0].unfold(0, 6, 2).unfold(1, 6, 4)
    assert tuple(windows.shape[:2]) == grid
    timed = torch.cat(given[1:])  # the first ran once more, untimed
    assert torch.equal(given[0], given[1])
    torch.testing.assert_close(timed[:, 0], windows.reshape(-1, 6, 6))
    assert found.timed == found.windows == len(timed)
    assert max(map(len, given)) == 8


def test_a_sample_is_spread_and_ends_when_there_is_enough(monkeypatch):
    monkeypatch.setattr(saved, "MOST", 10)
    monkeypatch.setattr(saved, "seconds", lambda run: (run(), 2.0)[1])
    sliding = ob.slide(network(), window=(1, 6, 6), stride=2)
    run, ran = saved._run, []
    monkeypatch.setattr(saved, "_run", lambda *words: ran.append(words[-1]) or run(*words))
    found = saved.time_crops(sliding, torch.rand(1, 20, 30))
    assert found == (2.0 * 2 / 10 * 104, 10, 104, 8)
    assert ran == [[0, 10, 20, 31, 41, 52, 62, 72]] * 2 + [[83, 93]]
    monkeypatch.setattr(saved, "ENOUGH", 1.0)
    assert saved.time_crops(sliding, torch.rand(1, 20, 30)) == (2.0 / 8 * 104, 8, 104, 8)


@pytest.mark.parametrize(
    ("here_", "crops", "said"),
    [
        (0, 0, "no operations to share"),
        (5_000, 5_000, "5 k operations, as many as of crops: nothing is shared"),
        (1_000, 2_500, "1 k operations instead of 2.5 k of crops, 2.5× fewer"),
    ],
)
def test_operations_in_words(here_, crops, said):
    assert str(saved.Operations(here_, crops)) == said


def test_what_computes_nothing_is_slid_and_timed(here, capsys):
    (here / "flat.py").write_text("import torch\nnetwork = torch.nn.Flatten")
    assert slide("--compare", model="flat:network") == 0
    assert "no operations to share" in capsys.readouterr().out


def test_names_of_classes_are_in_every_output(here):
    for out in ("map.npz", "map.html", "map.png"):
        assert slide("--names", "names.txt", out=out) == 0
    with np.load("map.npz") as written:
        assert written["classes"].tolist() == ["cat", "<dog>", "background"]
    page = (here / "map.html").read_text()
    assert '"classes":["cat","\\u003cdog>","background"]' in page
    assert '"background":2' in page
    assert "<title>x &lt;b&gt;.npy</title>" in page
    assert "<h1>x &lt;b&gt;.npy</h1>" in page


def test_names_of_files_are_no_markup(here, capsys):
    assert slide(out="[bold]map.npz") == 0
    assert capsys.readouterr().out.startswith("[bold]map.npz: 8 × 13 windows")
