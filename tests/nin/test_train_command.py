"""`onebyone train`: what it writes, resuming, and one line for what cannot be done."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from onebyone import nin
from onebyone.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 60 digits as set.npz."""
    monkeypatch.chdir(tmp_path)
    digits = nin.load_digits()[0]
    images, labels = digits.images[::60], digits.labels[::60]
    np.savez("set.npz", images=images, labels=labels, test_images=images, test_labels=labels)
    return tmp_path


@pytest.fixture
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    training, held_out = nin.load_digits()
    few = nin.Digits(training.images[::40], training.labels[::40])
    monkeypatch.setattr(nin, "load_digits", lambda: (few, held_out))


def run(capsys, *words: str) -> str:
    assert main(["train", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""  # no bar in a pipe
    return out


def test_bundled_networks_anew(few_digits: None, capsys) -> None:
    said = run(capsys, "nin-digits", "--out", "new.safetensors", "--epochs", "1")
    assert "of 1,000 held-out images right; wrote new.safetensors" in said
    assert nin.load("new.safetensors").architecture == nin.digits().architecture


@pytest.mark.parametrize("recipe", ["fast", "paper"])
def test_arrays_by_both_recipes(recipe: str, here: Path, capsys) -> None:
    words = ["set.npz", "--out", "a.safetensors", "--epochs", "2", "--recipe", recipe]
    said = run(capsys, *words, "--curve", "a.png", "--head", "fully_connected")
    assert "of 67 held-out images right; wrote a.safetensors" in said
    model = nin.load("a.safetensors")
    assert model.architecture == nin.ARCHITECTURES["mnist"]._replace(head="fully_connected")
    with Image.open("a.png") as picture:
        assert picture.format == "PNG"
    assert {path.name for path in here.iterdir()} == {"set.npz", "a.safetensors", "a.png"}


@pytest.mark.slow
def test_interrupted_training_is_resumed_to_the_same_bits(capsys, monkeypatch) -> None:
    words = ["set.npz", "--epochs", "3", "--seed", "2"]
    run(capsys, *words, "--out", "whole.safetensors")
    fit_epoch = nin.fitting.Training.epoch

    def interrupt(self, *arguments):
        if len(self.history) == 2:
            raise KeyboardInterrupt
        return fit_epoch(self, *arguments)

    monkeypatch.setattr(nin.fitting.Training, "epoch", interrupt)
    assert main(["train", *words, "--out", "a.safetensors"]) == 130
    assert Path("a.checkpoint").exists()
    assert not Path("a.safetensors").exists()
    monkeypatch.setattr(nin.fitting.Training, "epoch", fit_epoch)
    capsys.readouterr()
    interrupted = Path("a.checkpoint").read_bytes()
    assert main(["train", *words, "--out", "a.safetensors"]) == 2
    assert "a.checkpoint: is there already" in capsys.readouterr().err
    assert Path("a.checkpoint").read_bytes() == interrupted
    run(capsys, *words, "--out", "a.safetensors", "--resume")
    assert Path("a.safetensors").read_bytes() == Path("whole.safetensors").read_bytes()


def test_paper_recipe_whitens_what_the_paper_whitened(capsys) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 8, 8), dtype=np.uint8)
    np.savez("colour.npz", images=images, labels=np.arange(12) % 2)
    words = ["colour.npz", "--network", "cifar10", "--epochs", "1", "--out", "a.safetensors"]
    run(capsys, *words, "--recipe", "paper")
    assert isinstance(nin.load("a.safetensors").prepare, nin.Whitening)
    run(capsys, *words, "--recipe", "fast")
    assert isinstance(nin.load("a.safetensors").prepare, torch.nn.Identity)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nin-letters"], "nin-letters: no such folder or file; give one, or nin-digits, "),
        (["nin-digits", "--recipe", "fast"], "nin-digits: takes no --recipe, --network"),
        (["nin-digits", "--out", "no/x.safetensors"], "its folder no does not exist"),
        (["set.npz", "--out", "x.pt"], "--out x.pt: give a name that ends in .safetensors"),
        (["set.npz", "--curve", "x.jpg"], "--curve x.jpg: give a name that ends in .png"),
        (["set.npz", "--recipe", "slow"], "recipe = 'slow': give one of paper, fast"),
        (["set.npz", "--network", "vgg"], "network = 'vgg': give --network, one of cifar10"),
        (["set.npz", "--head", "max"], "head = 'max': give one of gap, fully_connected"),
        (["set.npz", "--augment", "zoom"], "augment = 'zoom': give some of warp"),
        (["set.npz", "--resume"], "checkpoint x.checkpoint: no such file; nothing to resume"),
        (["odd.npz"], "images of 1×30×30: no network's size: give --network, one of cifar10"),
        (["odd.npz", "--network", "imagenet"], "images of 1×30×30: too small for the network"),
        (["text.npz"], "text.npz: not a readable NumPy archive"),
    ],
)
def test_what_cannot_be_done_is_found_before_training(
    words: list[str], message: str, here: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(nin.fitting.Training, "epoch", lambda *_: pytest.fail("trained"))
    np.savez("odd.npz", images=np.zeros((20, 30, 30), np.uint8), labels=np.arange(20) % 2)
    Path("text.npz").write_text("no archive")
    out = [] if "--out" in words else ["--out", "x.safetensors"]
    assert main(["train", *words, *out]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert {path.name for path in here.iterdir()} == {"set.npz", "odd.npz", "text.npz"}
