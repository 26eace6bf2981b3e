"""Models in ONNX files on the command line."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.onnx_files import BODY, arrays, classifier, ran, saved
from helpers.onnx_pairs import model
from onebyone.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an image, a classifier, and one that takes a state beside the windows."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.random.default_rng(0).uniform(size=(3, 12, 16)).astype(np.float32))
    np.save("s.npy", np.ones((1, 2), np.float32))
    saved(tmp_path, classifier())
    saved(tmp_path, classifier(size="H,W"), "open.onnx")
    text = "m (float[N,3,8,8] x, float[N,2] s, float k) => (float[N,2] o) "
    saved(tmp_path, model(f"{text}{{{BODY} z = Add(y, s) o = Mul(z, k)}}", arrays()), "two.onnx")
    return tmp_path


def slide(*words: str) -> int:
    return main(["slide", "x.npy", "--out", "o.npy", "--stride", "4", *words])


def crops(path: str, **others: np.ndarray) -> np.ndarray:
    """What onnxruntime gives for each window, as a map."""
    x = np.load("x.npy")
    rows = [[ran(path, {"x": x[None, :, r : r + 8, c : c + 8], **others})[0][0]
             for c in (0, 4, 8)] for r in (0, 4)]  # fmt: skip
    return np.moveaxis(np.array(rows), -1, 0)


@pytest.mark.filterwarnings("default:.*as was asked")
@pytest.mark.parametrize("words", [[], ["--crops"], ["--layout", "NCHW"], ["--window", "3,8,8"]])
def test_slide(here: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert slide("--model", "net.onnx", *words) == 0
    said = capsys.readouterr()
    assert "2 × 3 windows" in said.out
    assert said.err.count("as was asked, and nothing is shared") == ("--crops" in words)
    np.testing.assert_allclose(np.load("o.npy"), crops("net.onnx"), rtol=1e-4, atol=1e-5)


def test_an_open_window_is_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert slide("--model", "open.onnx") == 2
    assert capsys.readouterr().err == (
        "onebyone: --window: this model needs its window as C,H,W, for example 3,224,224\n"
    )
    assert not Path("o.npy").exists()
    assert slide("--model", "open.onnx", "--window", "3,8,8") == 0
    np.testing.assert_allclose(np.load("o.npy"), crops("open.onnx"), rtol=1e-4, atol=1e-5)


def test_values_of_other_inputs(here: Path) -> None:
    wanted = crops("two.onnx", s=np.ones((1, 2), np.float32), k=np.float32(0.5))
    for state in ("s=1", "s=s.npy"):
        assert slide("--model", "two.onnx", "--input", state, "--input", "k=0.5") == 0
        np.testing.assert_allclose(np.load("o.npy"), wanted, rtol=1e-4, atol=1e-5)


REFUSED = {
    "no value": (["--model", "two.onnx"],
                 "two.onnx: takes 3 inputs that have no value; its inputs are x [N, 3, 8, 8], "
                 "s [N, 2], k []; one is for windows: give each other a value, "
                 "inputs={'NAME': 0.0}, or --input NAME=VALUE, a number or a .npy file"),
    "no name": (["--model", "two.onnx", "--input", "1"],
                "--input 1: give NAME=VALUE, a number or a .npy file"),
    "no number": (["--model", "two.onnx", "--input", "s=a"],
                  "--input s=a: give a number, or a .npy file"),
    "no file": (["--model", "two.onnx", "--input", "s=a.npy"],
                "--input s=a.npy: cannot be read ([Errno 2] No such file or directory: 'a.npy')"),
    "twice": (["--model", "two.onnx", "--input", "s=1", "--input", "s=2"],
              "--input s=2: s has a value already"),
    "of another model": (["--model", "nin-digits", "--input", "s=1"],
                         "--input s=1: goes with a .onnx file only"),
    "crops of another": (["--model", "nin-digits", "--crops"],
                         "--crops: goes with a .onnx file only"),
    "window": (["--model", "net.onnx", "--window", "3,9,9"],
               "--window 3,9,9: net.onnx: the input NCHW takes windows of 3,8,8"),
    "layout": (["--model", "net.onnx", "--layout", "NC"],
               "--layout NC: net.onnx: the input has 4 axes, as NCHW or NHWC"),
    "its own file": (["--model", "two.onnx", "--input", "s=s.npy", "--out", "s.npy"], None),
    "its data": (["--model", "data.onnx", "--out", "w.npy"], None),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_and_nothing_written(
    here: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(classifier(), "data.onnx", save_as_external_data=True, location="w.npy",
              size_threshold=0)  # fmt: skip
    before = {path: path.read_bytes() for path in here.iterdir()}
    words, message = REFUSED[case]
    assert slide(*words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert message is None or said == f"onebyone: {message}\n"
    assert {path: path.read_bytes() for path in here.iterdir()} == before


def test_layers_by_the_names_of_nodes(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "net.onnx:Gemm4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"] == [2, 4]
    assert main(["explain", "--model", "net.onnx", "--layer", "Gemm4", "-o", "p.html"]) == 0
    assert Path("p.html").exists()
    capsys.readouterr()
    assert main(["matrix", "open.onnx:Conv0"]) == 2
    assert capsys.readouterr().err.startswith("onebyone: --input is missing: give the layer's")
    assert main(["matrix", "open.onnx:Conv0", "--input", "3,4,4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"] == [64, 48]
    assert main(["matrix", "net.onnx:Conv1"]) == 2
    assert "has no module 'Conv1'; the nearest names are Conv0" in capsys.readouterr().err
