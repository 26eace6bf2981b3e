"""The picture of the class confidence maps."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from onebyone import nin
from onebyone.cli import main
from onebyone.nin.localisation import GAP, GREY, HEAT, PANEL, TITLE, draw_maps


def quarters() -> nin.NetworkInNetwork:
    """A network whose maps are known: three classes at 2×2 positions."""
    model = nin.NetworkInNetwork(nin.ARCHITECTURES["faces"].adapted((1, 25, 25), 3)).eval()
    maps = torch.zeros(1, 3, 2, 2)
    maps[0, 1, 0, 1], maps[0, 2, 1, 0] = 4, 2
    model.maps = lambda images: maps
    model.class_names = ("none", "cat", "dog")
    return model


def test_maps_lie_over_the_image_where_they_are_large(tmp_path: Path) -> None:
    path = tmp_path / "maps.png"
    found = draw_maps(quarters(), torch.ones(1, 25, 25), path)
    assert found == [("cat", 1.0), ("dog", 0.5), ("none", 0.0)]
    with Image.open(path) as picture:
        sheet = np.asarray(picture).astype(int)

    def at(panel: int, row: float, column: float) -> list[int]:
        top, left = GAP + TITLE, GAP + panel * (PANEL + GAP)
        return sheet[top + int(row * PANEL), left + int(column * PANEL)].tolist()

    corners = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
    grey = [GREY] * 3
    assert [at(0, *corner) for corner in corners] == [grey] * 4
    assert [at(1, *corner) for corner in corners] == [grey, list(HEAT), grey, grey]
    half = at(2, 0.75, 0.25)
    expected = [(a + b) / 2 for a, b in zip(grey, HEAT, strict=True)]
    assert np.abs(np.subtract(half, expected)).max() <= 2
    assert at(2, 0.25, 0.75) == at(3, 0.25, 0.75) == grey


def test_explain_draws_the_maps_of_a_bundled_network(tmp_path: Path, capsys) -> None:
    Image.new("L", (28, 28), 120).save(tmp_path / "digit.png")
    out = tmp_path / "maps.png"
    words = ["explain", "nin-digits-padded", "--maps", str(tmp_path / "digit.png"), "--out"]
    assert main([*words, str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    with Image.open(out) as sheet:
        assert sheet.width == 6 * (PANEL + GAP) + GAP


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "maps.html"], "--out maps.html: give a name that ends in .png"),
        (["--out", "maps.png"], "images of 3×28×30: the network takes 1×28×28"),
        (["nin-letters", "--out", "maps.png"], "name = 'nin-letters': the bundled networks are"),
        (["none.safetensors", "--out", "maps.png"], "none.safetensors: no such file"),
    ],
)
def test_bad_input_is_one_line(words, message, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (30, 28)).save("image.png")
    assert main(["explain", *words, "--maps", "image.png"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]
