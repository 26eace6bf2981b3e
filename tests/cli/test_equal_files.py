"""`onebyone equal` of two files."""

import json

import onnx
import pytest

from helpers.onnx_pairs import PAIRS
from onebyone.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair = PAIRS["gemm"]()
    onnx.save(pair.before, "a.onnx")
    onnx.save(pair.after, "b.onnx")
    onnx.save(PAIRS["matmul_add"]().before, "c.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"nonsense")
    (tmp_path / "folder.onnx").mkdir()
    return tmp_path


def test_equal_files_exit_with_0(folder, capsys):
    assert main(["equal", "a.onnx", "b.onnx"]) == 0
    verdict, *rows = capsys.readouterr().out.splitlines()
    assert verdict.startswith("equal for every input (in real arithmetic); ")
    assert [row.partition(":")[0] for row in rows] == ["structure", "integers", "numbers"]
    assert main(["equal", "a.onnx", "a.onnx", "--level", "structure"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_other_files_exit_with_1(folder, capsys):
    assert main(["equal", "a.onnx", "c.onnx"]) == 1
    assert capsys.readouterr().out.startswith("not equal")


def test_json(folder, capsys):
    assert main(["equal", "a.onnx", "c.onnx", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["equal"] is False
    assert found["reason"].startswith("not equal")
    assert not found["checks"][0]["passed"]
    main(["rewrite", "--check-only", "a.onnx", "c.onnx", "--json"])
    assert json.loads(capsys.readouterr().out) == found["checks"]


def test_a_terminal_is_told_which_check_runs(folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["equal", "a.onnx", "b.onnx"]) == 0
    told = capsys.readouterr().err
    assert all(f"checking {name}" in told for name in ("structure", "integers", "numbers"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.onnx", "none.onnx"], "none.onnx: no such file"),
        (["none.safetensors", "none.safetensors"], "none.safetensors: no such file"),
        (["a.onnx", "folder.onnx"], "folder.onnx: no such file"),
        (["broken.onnx", "a.onnx"], "broken.onnx: is not an ONNX file"),
        (["a.onnx", "none.pt2"], "none.pt2: no such file"),
        (["a.onnx", "conv(2,1,1)"], "a.onnx and conv(2,1,1): give two files (.onnx, .pt2 (an"),
        (["linear(8,4)", "a.onnx", "--input", "8"], "give two files"),
        (["a.onnx", "b.onnx", "--input", "2,2"], "--input, --output, --tol and --weights go with"),
        (["a.onnx", "b.onnx", "--level", "off"], "'--level': 'off' is not one of 'full', 'struct"),
        (["linear(8,4)", "linear(8,4)", "--level", "structure"], "--level goes with files"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(folder, words, message, capsys):
    assert main(["equal", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
