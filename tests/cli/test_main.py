"""The command line as a whole: exit statuses, one line for every trouble, a quick start."""

import os
import signal
import subprocess
import sys

import pytest

from onebyone.cli import main
from onebyone.errors import NotExact


def lines(text):
    return text.strip().splitlines()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sldie"], "No such command 'sldie'. Did you mean 'slide'?"),
        (["slide", "x.npy", "--modell", "m"], "--model"),
        (["slide"], "Missing argument 'IMAGE'"),
        (["slide", "x.npy", "--out", "map.npz"], "Missing option '--model'"),
        (["slide", "x.npy", "--model", "m", "--out", "m.npz", "--padding", "zero"], "'zero'"),
        (["demo", "digit"], "'digit'"),
        (["--versoin"], "--version"),
    ],
)
def test_usage_errors_are_one_line_and_status_2(capsys, words, said):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = lines(err)
    assert line.startswith("onebyone: ")
    assert said in line


@pytest.mark.parametrize("words", [["--help"], ["-h"], [], ["slide", "--help"]])
def test_help(capsys, words):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "Usage: onebyone" in out
    assert err == ""


def test_help_lists_every_command(capsys):
    main(["--help"])
    out = capsys.readouterr().out
    layers = ("matrix", "equal", "convert", "nearest", "identify", "compare", "explain")
    for command in ("slide", *layers, "train", "demo"):
        assert f" {command} " in out


def test_version(capsys):
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"onebyone {version('onebyone')}\n"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "onebyone: interrupted"),
        (NotExact("window 3 differs\nby 1e-2"), 1, "onebyone: window 3 differs by 1e-2"),
        (OSError(28, "No space left on device", "m.npz"), 2, "No space left on device: 'm.npz'"),
    ],
)
def test_errors_become_statuses_in_one_place(monkeypatch, capsys, tmp_path, error, status, said):
    def fail(path: object) -> None:
        raise error

    monkeypatch.setattr("onebyone.cli.slide.read_image", fail)
    out = str(tmp_path / "map.npz")
    assert main(["slide", "x.npy", "--model", "m", "--out", out]) == status
    (line,) = lines(capsys.readouterr().err)
    assert said in line


def test_a_defect_shows_where_it_is(monkeypatch, tmp_path):
    def fail(path: object) -> None:
        raise KeyError("defect")

    monkeypatch.setattr("onebyone.cli.slide.read_image", fail)
    with pytest.raises(KeyError, match="defect"):
        main(["slide", "x.npy", "--model", "m", "--out", str(tmp_path / "map.npz")])


def test_a_closed_pipe_is_no_trouble():
    command = [sys.executable, "-m", "onebyone", "--help"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_the_start_is_quick_without_torch():
    code = "import sys, onebyone.cli as c; c.main(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
