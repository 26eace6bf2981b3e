import json

import pytest
import torch
from safetensors.torch import save_file

from onebyone.cli import main

GRID = ["--input", "2,2,2"]


def test_equal_layers_exit_with_0(capsys):
    assert main(["equal", "conv(2,1,1)", "dense(conv(2,1,1))", *GRID]) == 0
    assert capsys.readouterr().out == "equal for every input (S2: M = W ⊗ I over 4 positions)\n"


def test_other_layers_exit_with_1(capsys):
    assert main(["equal", "conv(2,1,1)", "linear(8,4)", *GRID]) == 1
    out = capsys.readouterr().out
    assert "not equal: output (0, 0, 0) reads input (0, 0, 1); a 1×1 convolution cannot" in out
    assert "distance" in out


def test_json(capsys):
    assert main(["equal", "conv(2,1,1)", "linear(8,4)", *GRID, "--json"]) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["equal"] is False
    assert verdict["connection"] == {"output": [0, 0, 0], "input": [0, 0, 1]}
    assert verdict["witness"] == [[[0, 0], [0, 0]], [[0, 1], [0, 0]]]
    assert verdict["bound"] <= verdict["distance"]
    assert main(["equal", "conv(2,1,1)", "conv(2,1,2)", *GRID, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["distance"] is None


def test_tolerance_and_weights_from_files(tmp_path, capsys):
    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for value, path in zip((0.5, 0.625), paths, strict=True):
        save_file({"weight": torch.full((1, 2, 1, 1), value)}, path)
    words = ["equal", "conv(2,1,1,bias=False)", "pointwise(2,1,bias=False)", *GRID]
    words += ["--weights-a", str(paths[0]), "--weights-b", str(paths[1])]
    assert main(words) == 1
    assert main([*words, "--tol", "0.2"]) == 0
    assert "within tol=0.2" in capsys.readouterr().out


def test_refused_conversion_is_a_verdict(capsys):
    words = ["equal", "linear(8,4)", "pointwise(linear(8,4))", *GRID, "--output", "1,2,2"]
    assert main(words) == 1
    assert "not convertible: output (0, 0, 0)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["conv(2,1,1", "linear(8,4)", *GRID], "is not a spec"),
        (["conv(2,1,1)", "round(8,4)", *GRID], "no layer is called 'round'"),
        (["conv(2,1)", "linear(8,4)", *GRID], "cannot be built"),
        (["conv(3,2,1,groups=2)", "linear(8,4)", *GRID], "cannot be built"),
        (["conv(2,1,__import__('os'))", "linear(8,4)", *GRID], "__import__('os'): give a whole"),
        (["conv(2,1,3)", "linear(8,4)", *GRID], "larger than the padded input"),
        (["conv(2,1,1)", "linear(8,4)", "--input", "2,x"], "--input 2,x"),
        (["conv(2,1,1)", "linear(8,4)", *GRID, "--tol", "-1"], "tol=-1"),
        (["conv(2,1,1)", "linear(8,4)", *GRID, "--weights-a", "none.safetensors"], "--weights"),
        (["local(3,1,1)", "linear(8,4)", *GRID], "takes 3 channels"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(words, message, capsys):
    assert main(["equal", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_weights_of_another_shape(tmp_path, capsys):
    save_file({"weight": torch.zeros(3, 3)}, tmp_path / "w.safetensors")
    words = ["equal", "linear(8,4)", "linear(8,4)", *GRID]
    assert main([*words, "--weights-a", str(tmp_path / "w.safetensors")]) == 2
    assert "this layer needs {'weight': (4, 8), 'bias': (4,)}" in capsys.readouterr().err
