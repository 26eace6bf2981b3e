"""`onebyone scan` and `onebyone export`: one image, many, progress, reports and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import onebyone as ob
from onebyone.cli import main, scan_progress
from onebyone.scans.running import Progress
from onebyone.scans.tile import Counts

MODEL = ["--model", "nin-digits", "--stride", "8"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pages, in which commands run."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    for name in ("one.png", "two.png"):
        Image.fromarray(draw.integers(0, 256, (60, 84), np.uint8)).save(name)
    return tmp_path


def test_one_image(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["scan", "one.png", *MODEL, "--to", "map.zarr", "--values", "probabilities"]
    assert main([*words, "--report", "run.json"]) == 0
    assert capsys.readouterr().out.startswith("map.zarr: 40 windows in ")
    (told,) = json.loads(Path("run.json").read_text()).values()
    assert (told["grid"], told["counts"]["windows"], told["failed"]) == ([5, 8], 40, {})
    found = ob.open_map("map.zarr")
    assert (found.title, found.classes) == ("one.png", ob.nin.load("nin-digits").class_names)
    pixels = np.asarray(Image.open("one.png"))[None]
    scores = ob.slide("nin-digits", stride=8)(pixels).softmax(0).detach().numpy()
    np.testing.assert_allclose(found.scores[0][:], scores, atol=1e-6)


def test_a_map_that_is_there_is_gone_on_with_or_lost_when_asked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["scan", "one.png", *MODEL, "--to", "map.zarr"]
    assert main(words) == 0
    assert main(words) == 2
    assert "map.zarr: is there; go on with it by --resume" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert "0 windows in" in (out := capsys.readouterr().out)
    assert "1 of 1 tiles were there" in out
    assert main([*words, "--overwrite"]) == 0
    assert "40 windows in" in capsys.readouterr().out


def test_a_failure_of_one_image_does_not_stop_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.png").write_bytes(b"no picture")
    words = ["scan", "one.png", "bad.png", "two.png", *MODEL, "--to", "maps/"]
    assert main([*words, "--report", "run.json"]) == 1
    told = capsys.readouterr()
    assert "2 of 3 images are done" in told.out
    assert told.err.count("bad.png") == 1
    assert sorted(p.name for p in Path("maps").iterdir()) == ["one.png.zarr", "two.png.zarr"]
    assert "error" in json.loads(Path("run.json").read_text())["bad.png"]
    Path("bad.png").write_bytes(Path("one.png").read_bytes())
    assert main([*words, "--resume"]) == 0
    assert "3 of 3 images are done" in capsys.readouterr().out


@pytest.mark.filterwarnings("default")  # the command tells of them
def test_damaged_tiles_are_told_of_shortly_and_the_rest_is_done(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onebyone.scans.fitting._PIXELS", 60**2)
    monkeypatch.setattr("onebyone.scans.fitting._HALOS", 1)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 640), np.uint8)
    tifffile.imwrite("slide.tif", pixels, tile=(64, 64), compression="zlib")
    with tifffile.TiffFile("slide.tif") as file:
        damaged = file.pages[0].dataoffsets[3:9]
    with Path("slide.tif").open("r+b") as file:
        for offset in damaged:
            file.seek(offset)
            file.write(b"\xff" * 16)
    words = ["scan", "slide.tif", *MODEL, "--to", "map.zarr", "--report", "run.json"]
    assert main(words) == 1
    out, err = capsys.readouterr()
    (told,) = json.loads(Path("run.json").read_text()).values()
    failed = told["failed"]
    assert 4 < len(failed) < told["tiles"]
    assert out.endswith(f", {len(failed)} tiles are left out; resume tries them again\n")
    lines = err.splitlines()
    assert len(lines) == 4
    for line in lines[:3]:
        assert line.startswith("onebyone: warning: tile ")
        assert line.removeprefix("onebyone: warning: tile ").split()[0] in failed
    assert lines[3].startswith(f"onebyone: warning: {len(failed) - 3} more tiles are left out; ")
    assert all("cannot be read" in why for why in failed.values())
    assert (ob.open_map("map.zarr").state[:] == 1).any()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--mask", "two.png", "--tissue"], "--mask and --tissue exclude each other"),
        (["--threads", "1", "--dask", "local:1"], "--threads and --dask exclude each other"),
        (["--values", "most"], "--values most: use scores, probabilities, top:K or margin"),
        (["--values", "scores", "--dtype", "uint8"], "--dtype uint8: holds 0 to 1"),
        (["--select", "Q"], "--select"),
        (["--level", "3"], "--level 3: one.png has levels"),
        (["--mpp", "0.5"], "--mpp 0.5: one.png does not say"),
        (["--resume", "--overwrite"], "resume and overwrite exclude each other"),
        (["--dask", "local:none"], "--dask local:none: give local:N"),
        (["--report", "run.txt"], "--report run.txt: give a name that ends in .json"),
        (["--memory", "1kB"], "--memory 1000: half of it is for the network"),
        (["--window", "1,99,99"], "one.png: a window of 99 pixels is larger than the image"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], line: str
) -> None:
    before = sorted(folder.iterdir())
    assert main(["scan", "one.png", *MODEL, "--to", "map.zarr", *words]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_a_line_a_minute_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([0.0, 10.0, 70.0, 70.0, 80.0])
    monkeypatch.setattr(scan_progress.time, "monotonic", lambda: next(moments))
    counts = Counts(tiles=2, windows=300, masked=100, reading=1, computing=8, writing=1)
    with scan_progress.Shown("page.png") as shown:
        for _ in range(3):
            shown(Progress(3, 9, counts, 10.0))
    line = "3 of 9 tiles, 30 windows/s, 25% masked, 0:30 left; "
    shares = "reading 10%, computing 80%, writing 10%"
    assert capsys.readouterr().err == f"page.png: {line}{shares}\n"


def test_maps_are_exported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["scan", "one.png", *MODEL, "--to", "map.zarr", "--values", "probabilities"]
    assert main(words) == 0
    for out in ("map.npy", "map.html", "map.csv"):
        options = ["--image", "one.png"] if out == "map.html" else []
        assert main(["export", "map.zarr", out, *options]) == 0
        assert Path(out).stat().st_size
    capsys.readouterr()
    assert main(["export", "map.zarr", "one.png", "--image", "one.png"]) == 2
    assert "one.png: is a file that is read" in capsys.readouterr().err
    assert main(["export", "map.zarr", "map.csv", "--classes", "3,,4"]) == 2
    assert "--classes 3,,4: give names or numbers" in capsys.readouterr().err
