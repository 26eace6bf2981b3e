"""The demo of scans: a killed scan goes on, its classifiers tell what they are said to tell."""

import sys
from io import StringIO

import numpy as np
import pytest
import tifffile
import torch
import zarr
from rich.console import Console
from skimage import data

from onebyone.demos import scan, scan_images, scan_networks
from onebyone.errors import InputError

COLOURS = {"brown stain": (150, 100, 60), "blue stain": (120, 130, 180), "background": (235,) * 3}


@pytest.mark.slow  # two processes that import PyTorch
def test_a_killed_scan_goes_on_and_both_maps_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(scan, "SIDE", 1300)  # 318 windows along a side, in tiles of 256
    small = {"immunohistochemistry": data.immunohistochemistry(), "retina": data.retina()[:300]}
    monkeypatch.setattr(scan, "load", small.get)
    text = StringIO()
    pages = scan.run(Console(file=text, width=100), tmp_path)
    assert [page.name for page in pages] == ["scan-tissue.html", "scan-retina.html"]
    assert "brown stain" in pages[0].read_text("utf-8")
    assert "bright disc" in pages[1].read_text("utf-8")
    said = text.getvalue()
    assert "of 4 tiles were there" in said
    rows = {line.split("│")[1].strip(): line for line in said.splitlines() if "│" in line}
    assert f"{318 * 318:,}" in rows["windows"]
    assert rows["bits of a second scan"].count(" equal") == 2
    differences = rows["largest difference from the whole image in memory"].split("│")[2:4]
    assert all(float(cell) < 1e-5 for cell in differences)


def test_other_bits_and_numbers_are_told():
    table = scan.figures_table({"a": scan.Figures(10, 3.0, None, False, 0.25, 1.0)})
    text = StringIO()
    Console(file=text, width=100).print(table)
    assert "not equal" in text.getvalue()
    assert "2.5e-01" in text.getvalue()


@pytest.mark.parametrize("name", COLOURS)
def test_stains_are_told_by_their_colours(name):
    window = torch.tensor(COLOURS[name])[None, :, None, None].expand(1, *scan_networks.WINDOW)
    scores = scan_networks.stains()(window / 255)
    assert scan_networks.STAINS[int(scores.argmax())] == name


@pytest.mark.parametrize(
    ("name", "corner"),
    [("vessel", (408, 800)), ("bright disc", (640, 210)), ("background", (900, 500))],
)
def test_parts_of_the_eye_are_told(name, corner):
    top, left = corner
    window = data.retina()[top : top + 32, left : left + 32].transpose(2, 0, 1)
    scores = scan_networks.eye()(torch.from_numpy(np.ascontiguousarray(window))[None] / 255)
    assert scan_networks.EYE[int(scores.argmax())] == name


def test_images_are_written_in_several_resolutions(tmp_path):
    picture = scan_images.mirrored(data.immunohistochemistry()[:200, :150], 500)
    np.testing.assert_array_equal(picture[:200, 150:300], picture[:200, :150][:, ::-1])
    np.testing.assert_array_equal(picture[200:400], picture[:200][::-1])
    scan_images.write_slide(tmp_path / "slide.tif", picture)
    with tifffile.TiffFile(tmp_path / "slide.tif") as file:
        assert [level.shape for level in file.series[0].levels] == [
            (500, 500, 3), (250, 250, 3), (125, 125, 3)
        ]  # fmt: skip
        assert file.pages[0].compression == tifffile.COMPRESSION.JPEG
    scan_images.write_ome_zarr(tmp_path / "image.zarr", picture)
    group = zarr.open_group(tmp_path / "image.zarr", mode="r")
    np.testing.assert_array_equal(group["0"][:], picture.transpose(2, 0, 1))
    blocks = picture[:2, :2].reshape(4, 3).mean(0)
    np.testing.assert_array_equal(group["1"][:, 0, 0], blocks.round())


@pytest.mark.parametrize("missing", ["skimage", "tifffile"])
def test_what_is_missing_is_said_with_the_command(monkeypatch, missing, tmp_path):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(InputError, match=r"pip install 'onebyone\[demo-scan\]'"):
        scan.run(Console(file=StringIO()), tmp_path)
