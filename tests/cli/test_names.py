"""`onebyone slide` with networks of timm and torchvision, and `onebyone models`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from onebyone.cli import main
from onebyone.models.packages import timm


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images, weights of timm's own network, and names."""
    pixels = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    np.save(tmp_path / "float.npy", (pixels / 255).astype(np.float32).transpose(2, 0, 1))
    network = timm().create_model("test_resnet", num_classes=3)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    (tmp_path / "names.txt").write_text("gull\ntérn\nauk\n\n", encoding="utf-8")
    (tmp_path / "two.txt").write_text("gull\ntern\n")
    (tmp_path / "gap.txt").write_text("gull\n\nauk\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(tmp_path)
    return tmp_path


FITTING = ["--weights", "w.pth", "--classes", "3", "--window", "3,64,64", "--stride", "32"]


def slide(*words: str, image: str = "x.png", model: str = "timm:test_resnet", out: str = "m.npz"):
    return main(["slide", image, "--model", model, "--out", out, *words])


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("onebyone: ")
    assert said.err.count("\n") == 1
    return said.err.strip().removeprefix("onebyone: ")


def test_scores_names_and_what_was_done_to_pixels(here: Path, capsys) -> None:
    assert slide(*FITTING, "--names", "names.txt") == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == ("as with --window 3,64,64 --scale 1/255 --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5")
    with np.load("m.npz") as written:
        scores, classes = written["scores"], written["classes"]
    assert [*classes] == ["gull", "térn", "auk"]
    network = timm().create_model("test_resnet", num_classes=3).eval()
    network.load_state_dict(torch.load("w.pth"))
    crop = torch.tensor(np.asarray(Image.open("x.png"))[32:, 64:].transpose(2, 0, 1) / 255)
    with torch.no_grad():
        wanted = network((crop.float()[None] - 0.5) / 0.5)[0]
    torch.testing.assert_close(torch.tensor(scores[:, 1, 2]), wanted, atol=1e-5, rtol=1e-4)


def test_figures_as_json_and_what_is_asked_for_wins(capsys) -> None:
    assert slide(*FITTING, "--json", "--mean", "0.1,0.2,0.3", "--scale", "1/256") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["window"], found["scale"]) == ([3, 64, 64], 1 / 256)
    assert (found["mean"], found["std"]) == ([0.1, 0.2, 0.3], [0.5, 0.5, 0.5])


def test_floats_are_taken_as_they_are(capsys) -> None:
    assert slide(*FITTING, "--json") == 0
    assert slide(*FITTING, image="float.npy", out="f.npz") == 0
    assert capsys.readouterr().out.count("--scale") == 0
    with np.load("m.npz") as whole, np.load("f.npz") as floats:
        np.testing.assert_allclose(whole["scores"], floats["scores"], atol=1e-5)


@pytest.mark.filterwarnings("default")
def test_random_weights_are_said_once(capsys) -> None:
    words = ["--window", "1,64,64", "--stride", "32", "--classes", "4", "--json"]
    assert slide(*words, image="grey.png") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["mean"] == [0.5]
    assert said.err == (
        "onebyone: warning: timm:test_resnet has random weights: give a file of weights, or "
        "download=True (--download)\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--names", "two.txt"], "--names two.txt: 2 names for 3 classes; give one line for each"),
        (["--names", "gap.txt"], "--names gap.txt: line 2 is empty; give one name for each class"),
        (["--names", "bytes.txt"], "--names bytes.txt: not text in UTF-8 (byte 0)"),
        (["--names", "none.txt"], "none.txt: No such file or directory"),
        (["--download"], "--download: weights are given, too: leave one of the two out"),
        (["--classes", "0"], "--classes 0: must be a whole number above 0"),
        (
            ["--classes", "4"],
            "--weights w.pth: do not fit the model; of another shape: fc.bias, fc",
        ),
        (
            ["--window", "3,64"],
            "--window 3,64: timm:test_resnet takes three whole numbers above 0, C,H,W",
        ),
        (
            ["--model", "timm:resnt18"],
            "--model timm:resnt18: timm has no network 'resnt18'; the ne",
        ),
        (
            ["--model", "nin-digits"],
            "--weights w.pth: goes with package.module:function, timm:NAME",
        ),
        (["--out", "names.npz", "--names", "names.npz"], "names.npz: is a file that is read"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, words: list[str], said: str) -> None:
    Path("names.npz").touch()
    assert slide(*FITTING, *words) == 2
    assert one_line(capsys).startswith(said)


def test_names_and_several_outputs(here: Path, capsys, monkeypatch) -> None:
    (here / "onebyone_test_two.py").write_text(
        "import torch\nclass Two(torch.nn.Module):\n"
        "    def forward(self, x): return x.mean((2, 3)), x.amax((2, 3))\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    words = ["--window", "3,8,8", "--scale", "1", "--names", "names.txt"]
    assert slide(*words, model="onebyone_test_two:Two") == 2
    assert one_line(capsys) == "--names names.txt: the model has several outputs; leave it out"


def test_what_can_be_named(capsys) -> None:
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "bundled: 2 names"
    assert lines[1].startswith("timm ")
    assert lines[1].endswith(" names, as timm:NAME")
    assert main(["models", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["sources"]
    assert [source["source"] for source in found] == ["bundled", "timm", "torchvision"]


def test_names_with_their_windows(capsys) -> None:
    assert main(["models", "test_resnet"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "timm:test_resnet            3,160,160",
        "timm:test_resnet.r160_in1k  3,160,160",
    ]
    assert main(["models", "torchvision:inception", "--json"]) == 0
    inception = {"name": "torchvision:inception_v3", "window": [3, 299, 299]}
    assert json.loads(capsys.readouterr().out) == {
        "models": [{**inception, "source": "torchvision"}]
    }
    assert main(["models", "resnt18"]) == 2
    assert one_line(capsys).startswith("no name holds 'resnt18'; the nearest are resnet18")


def test_packages_that_are_not_installed(capsys, monkeypatch) -> None:
    for place in ("packages", "listing"):
        monkeypatch.setattr(f"onebyone.models.{place}.is_installed", lambda _: False)
    assert main(["models"]) == 0
    assert "timm: not installed; pip install 'onebyone[timm]'" in capsys.readouterr().out
    assert slide(*FITTING) == 2
    assert one_line(capsys) == "timm is not installed: pip install 'onebyone[timm]'"


def test_names_of_one_package_bring_no_other() -> None:
    code = (
        "from onebyone.cli import main; import sys; main(['models', 'torchvision:resnet18']); "
        "sys.exit('timm' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True)
