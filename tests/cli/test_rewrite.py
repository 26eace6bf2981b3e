import json
import os
import zipfile
from pathlib import Path

import onnx
import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers.onnx_cases import TO_CONVOLUTION, Graph
from onebyone.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file({"fc.weight": torch.randn(4, 3), "fc.bias": torch.randn(4)}, "in.safetensors")
    return tmp_path


TO = ["--to", "convolution"]


def test_a_file_is_rewritten_and_checked(folder, capsys):
    assert main(["rewrite", "in.safetensors", "out.safetensors", *TO]) == 0
    out = capsys.readouterr().out
    assert "1 of 1 layers rewritten to convolution" in out
    assert "structure: equal; 2 tensors are equal bit for bit" in out
    assert load_file("out.safetensors")["fc.weight"].shape == (4, 3, 1, 1)


def test_layout_report_and_json(folder, capsys):
    words = ["rewrite", "in.safetensors", "out.safetensors", *TO, "--layout", "conv1d"]
    assert main([*words, "--report", "report.json", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((folder / "report.json").read_text())
    assert printed["rows"][0]["became"] == "4×3×1"
    assert printed["passed"] is True


def test_dry_run(folder, capsys):
    assert main(["rewrite", "in.safetensors", *TO, "--dry-run"]) == 0
    assert "fc.weight" in capsys.readouterr().out
    assert [path.name for path in folder.iterdir()] == ["in.safetensors"]


def test_check_only(folder, capsys):
    main(["rewrite", "in.safetensors", "out.safetensors", *TO])
    capsys.readouterr()
    assert main(["rewrite", "--check-only", "in.safetensors", "out.safetensors"]) == 0
    assert capsys.readouterr().out == "structure: equal; 2 tensors are equal bit for bit\n"
    save_file(
        {"fc.weight": torch.zeros(4, 3), "fc.bias": load_file("in.safetensors")["fc.bias"]},
        "bad.safetensors",
    )
    assert main(["rewrite", "--check-only", "in.safetensors", "bad.safetensors", "--json"]) == 1
    (check,) = json.loads(capsys.readouterr().out)
    assert check["passed"] is False
    assert "fc.weight holds other numbers" in check["detail"]


def test_a_failed_check_exits_with_1(folder, monkeypatch, capsys):
    from onebyone.rewriting import Check

    bad = Check("structure", False, "fc.weight holds other numbers")
    monkeypatch.setattr("onebyone.equivalence.dispatch.check_safetensors", lambda *_: bad)
    assert main(["rewrite", "in.safetensors", "out.safetensors", *TO]) == 1
    assert "NOT EQUAL" in capsys.readouterr().out
    assert main(["rewrite", "in.safetensors", "out.safetensors", *TO, "--check", "off"]) == 0


@pytest.fixture
def program(folder):
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.Conv2d(3, 3, 3)).eval()
    torch.export.save(torch.export.export(model, (torch.randn(1, 2, 5, 5),)), "in.pt2")


def test_a_program(program, capsys):
    words = ["rewrite", "in.pt2", "out.pt2", "--to", "linear"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "1 of 2 layers rewritten to linear" in out
    assert "numbers: equal; whole programs on their example inputs" in out
    assert main(["rewrite", "--check-only", "in.pt2", "out.pt2"]) == 0
    assert main([*words, "--where", "^0$"]) == 0
    assert main([*words, "--where", "^1$"]) == 1  # its kernel is 3×3
    assert "its kernel is 3×3" in capsys.readouterr().out
    assert main([*words, "--where", ".", "--skip", "^1$"]) == 0


def test_a_program_that_carries_code_is_refused(program, folder, capsys):
    with zipfile.ZipFile("in.pt2", "a") as archive:
        archive.writestr("in/data/constants/custom_obj_0", b"")
    assert main(["rewrite", "in.pt2", "out.pt2", "--to", "linear"]) == 2
    assert "or --trust, if you trust" in capsys.readouterr().err
    Path("in.pt2").write_bytes(b"nonsense")
    assert main(["rewrite", "in.pt2", "out.pt2", "--to", "linear", "--trust"]) == 2
    assert "not a readable .pt2 archive" in capsys.readouterr().err
    assert not (folder / "out.pt2").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["in.safetensors", "out.safetensors"], "--to is missing"),
        (["in.safetensors", *TO], "give OUT"),
        (["in.safetensors", "out.safetensors", *TO, "--dry-run"], "--dry-run and no OUT"),
        (["none.safetensors", "out.safetensors", *TO], "no such file"),
        (["in.pth", "out.pth", *TO], "give one of .onnx, .pt2, .safetensors"),
        (["in.safetensors", "in.safetensors", *TO], "is a file that is read"),
        (["in.safetensors", "out.onnx", *TO], "give a .safetensors file"),
        (["in.safetensors", "no/out.safetensors", *TO], "does not exist"),
        (["in.safetensors", "out.safetensors", "--to", "conv"], "'--to': 'conv' is not one of"),
        (
            ["in.safetensors", "out.safetensors", *TO, "--layout", "x"],
            "'--layout': 'x' is not one of",
        ),
        (["in.safetensors", "out.safetensors", *TO, "--where", "x"], "where='x' finds nothing"),
        (["in.safetensors", "out.safetensors", *TO, "--where", "("], "no regular expression"),
        (["in.safetensors", "out.safetensors", *TO, "--report", "no/r.json"], "does not exist"),
        (["--check-only", "in.safetensors"], "--check-only needs two files"),
        (["--check-only", "in.safetensors", "in.safetensors", "--check", "off"], "--check off"),
        (["--check-only", "in.safetensors", "none.onnx"], "no such file"),
        (["--check-only", "in.safetensors", "in.safetensors", "--report", "r.json"], "goes with"),
        (["--check-only", "in.safetensors", "in.safetensors", *TO], "goes with --check, --trust"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(folder, words, message, capsys):
    assert main(["rewrite", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not (folder / "out.safetensors").exists()


@pytest.mark.parametrize("level", ["full", "structure"])
def test_a_damaged_file_is_no_answer(folder, capsys, level):
    """Whichever of the two it is, and against itself."""
    onnx.save(TO_CONVOLUTION[0].model(18), "whole.onnx")
    whole = Path("whole.onnx").read_bytes()
    Path("cut.onnx").write_bytes(whole[: len(whole) // 2])
    os.mkfifo("fifo.onnx")
    for pair in (["cut", "whole"], ["whole", "cut"], ["cut", "cut"]):
        files = [f"{name}.onnx" for name in pair]
        assert main(["rewrite", "--check-only", *files, "--check", level]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("onebyone: cut.onnx: ")
    assert main(["rewrite", "--check-only", "whole.onnx", "fifo.onnx"]) == 2
    assert "fifo.onnx" in capsys.readouterr().err
    assert main(["rewrite", "--check-only", "whole.onnx", "whole.onnx", "--check", level]) == 0


def test_a_damaged_file_is_not_rewritten(folder, capsys):
    Path("bad.onnx").write_bytes(b"not a model")
    assert main(["rewrite", "bad.onnx", "out.onnx", *TO]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("onebyone: bad.onnx: is not an ONNX file")
    assert not Path("out.onnx").exists()


def test_a_terminal_is_told_which_check_runs(folder, monkeypatch, capsys):
    g = Graph(18)
    onnx.save(g.model(g.add("MatMul", g.input("B", 4), g.weight("w", 4, 5))), "in.onnx")
    assert main(["rewrite", "in.onnx", "quiet.onnx", *TO]) == 0
    assert not capsys.readouterr().err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["rewrite", "in.onnx", "out.onnx", *TO]) == 0
    told = capsys.readouterr().err
    assert all(f"checking {name}" in told for name in ("structure", "integers", "numbers"))
