"""The command line as a whole: exit statuses, one line for every trouble, a quick start."""

import io
import os
import shlex
import signal
import subprocess
import sys

import pytest
from safetensors.torch import load_file

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
        (["train", "x", "--out", "x.safetensors", "--seed", str(2**64)], "--seed"),
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


def test_help_fits_a_terminal_and_a_pipe_and_flags_have_no_type(capsys, monkeypatch):
    from onebyone.cli.app import app

    monkeypatch.setenv("COLUMNS", "80")
    for command in (None, *app.registered_commands):
        name = [] if command is None else [command.callback.__name__]
        assert main([*name, "--help"]) == 0
        out = capsys.readouterr().out
        assert "bool" not in out
        assert "--help" in out
        assert max(map(len, out.splitlines())) <= 80


def test_version(capsys):
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"onebyone {version('onebyone')}\n"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "onebyone: interrupted"),
        (NotExact("window 3 differs\nby 1e-2"), 1, "onebyone: window 3 differs by 1e-2"),
        (
            OSError(28, "No space left on device", "m.npz"),
            2,
            "onebyone: m.npz: No space left on device",
        ),
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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("defect"), "a fault of onebyone, KeyError: 'defect'; ONEBYONE_TRACEBACK=1 shows"),
        (RuntimeError("of torch\nat length"), "a fault of onebyone, RuntimeError: of torch; ONE"),
        (AssertionError(), "a fault of onebyone, AssertionError: no message; ONEBYONE_TRACEBACK"),
        (MemoryError("2 TB"), "not enough memory (2 TB)"),
        (RuntimeError("can't allocate memory: 2 TB"), "not enough memory"),
        (SystemExit(0), "code that the command ran asked to exit (0)"),
        (SystemExit(1), "code that the command ran asked to exit (1)"),
    ],
)
def test_every_other_error_is_trouble(monkeypatch, capsys, tmp_path, error, said):
    def fail(path: object) -> None:
        raise error

    monkeypatch.setattr("onebyone.cli.slide.read_image", fail)
    words = ["slide", "x.npy", "--model", "m", "--out", str(tmp_path / "map.npz")]
    assert main(words) == 2
    (line,) = lines(capsys.readouterr().err)
    assert said in line
    monkeypatch.setenv("ONEBYONE_TRACEBACK", "1")
    assert main(words) == 2
    assert ("raise error" in capsys.readouterr().err) is ("a fault of onebyone" in said)


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


EQUAL = ["equal", "conv(2,1,1)", "dense(conv(2,1,1))", "--input", "2,2,2"]


def onebyone(words, shell="", **variables):
    """Run the command line as a process of a shell, with redirections."""
    command = f"exec {shlex.join([sys.executable, '-m', 'onebyone', *words])} {shell}"
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, check=False, env=os.environ | variables
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "utf-8"])
def test_every_output_can_show_an_answer(encoding, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    assert main(EQUAL) == 0
    plain = "M = W ⊗ I" if encoding == "utf-8" else "M = W (x) I"
    assert plain in written.getvalue().decode(encoding)


def test_names_of_files_are_shown_as_they_are(tmp_path, monkeypatch):
    """Also those that are no text in any encoding."""
    out = os.fsencode(tmp_path) + b"/\xff.svg"
    for encoding in ("utf-8", "ascii"):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
        assert main(["explain", "--out", os.fsdecode(out)]) == 0
        assert written.getvalue().strip() == out


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    ("shell", "status", "said"),
    [
        (">&-", 0, b""),
        (">&- 2>&- <&-", 0, b""),
        (">/dev/full", 2, b"onebyone: standard output: No space left on device\n"),
        (">/dev/full 2>/dev/full", 2, b""),
    ],
)
def test_outputs_that_are_closed_or_full(shell, status, said, buffered):
    done = onebyone(["--help"], shell, PYTHONUNBUFFERED=buffered)
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", said)


def test_a_closed_error_output_changes_no_status():
    for shell in ("2>&-", "2>/dev/full"):
        assert onebyone(["nosuch"], shell).returncode == 2


@pytest.mark.slow
def test_a_process_whose_output_is_closed_or_cannot_show_the_answer(tmp_path):
    done = onebyone(EQUAL, PYTHONIOENCODING="cp1252")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"M = W (x) I" in done.stdout
    out = tmp_path / "layer.safetensors"  # which must not take the place of the closed output
    words = ["convert", "conv(2,1,1)", "--input", "2,2,2", "--to", "dense", "--out", str(out)]
    assert onebyone(words, ">&-").returncode == 0
    assert load_file(out)["weight"].shape == (4, 8)


def test_what_runs_before_interrupts_are_answered_imports_nothing():
    code = "import sys; there = {*sys.modules}; import onebyone.cli; print(*{*sys.modules} - there)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {"onebyone", "onebyone.errors", "onebyone.cli", "onebyone.cli.main"}
    assert {*done.stdout.split()} == ours


@pytest.mark.parametrize("module", ["typer", "numpy"])
def test_an_interrupt_while_the_commands_are_imported(module, tmp_path):
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt")  # as Ctrl-C would
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = onebyone(["--help"], PYTHONPATH=path)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"onebyone: interrupted\n")
