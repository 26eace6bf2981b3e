"""`convert`, `nearest`, `identify` and `compare`, and layers whose weights are in files."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from onebyone.cli import main
from onebyone.layers import comparison

GRID = ["--input", "2,2,2"]


def test_convert_writes_the_weights(tmp_path, capsys):
    out = tmp_path / "dense.safetensors"
    words = ["convert", "conv(2,1,1)", "--to", "dense", *GRID, "--out", str(out)]
    assert main(words) == 0
    assert capsys.readouterr().out == (
        "Linear(in_features=8, out_features=4, bias=True)\n32 weights, 2 before\n"
    )
    assert {name: tuple(t.shape) for name, t in load_file(out).items()} == {
        "weight": (4, 8), "bias": (4,),
    }  # fmt: skip
    assert [p.name for p in tmp_path.iterdir()] == [out.name]
    assert main(["equal", "conv(2,1,1)", f"linear({str(out)!r})", *GRID]) == 0
    assert main(["identify", f"linear({str(out)!r})", *GRID, "--output", "1,2,2"]) == 0
    assert "a 1×1 convolution, 2 of 32 weights, exactly" in capsys.readouterr().out


def test_what_is_not_convertible_exits_with_1(capsys):
    words = ["convert", "linear(8,4)", "--to", "pointwise", *GRID, "--output", "1,2,2"]
    assert main(words) == 1
    out = capsys.readouterr().out
    assert "not convertible: output (0, 0, 0) reads input (0, 0, 1); a 1×1 convolution" in out
    assert "of the layer's norm" in out
    assert main([*words, "--json"]) == 1
    fields = json.loads(capsys.readouterr().out)
    assert (fields["convertible"], np.shape(fields["witness"])) == (False, (2, 2, 2))
    assert fields["relative"] < 1
    assert main(["convert", "linear(8,4)", "--to", "convolution", *GRID, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shapes"]["weight"] == [4, 2, 2, 2]


def test_nearest(tmp_path, capsys):
    weight = tmp_path / "w.npy"
    np.save(weight, np.arange(32.0).reshape(4, 8))
    words = ["nearest", f"dense({str(weight)!r})", "--to", "pointwise", *GRID, "--output", "1,2,2"]
    out = tmp_path / "near.safetensors"
    assert main([*words, "--out", str(out)]) == 0
    assert "distance 91.9891, 90% of the layer's norm" in capsys.readouterr().out
    assert load_file(out)["weight"].flatten().tolist() == [13.5, 17.5]
    words[3] = "convolution"
    assert main([*words, "--kernel", "3", "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["shapes"] == {"weight": [1, 2, 3, 3]}
    assert main([*words, "--kernel", "2,2"]) == 2


def test_identify(capsys):
    words = ["identify", "dense(conv(4,6,3,stride=2,padding=1,groups=2))", "--input", "4,7,6"]
    assert main([*words, "--output", "6,4,3", "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["kind"] == "convolution"
    assert (fields["kernel"], fields["stride"], fields["groups"]) == ([3, 3], [2, 2], 2)
    assert (fields["padding"], fields["dilation"]) == ([[1, 1], [1, 1]], [1, 1])
    assert main(["identify", "linear(8,4)", *GRID, "--output", "1,2,2"]) == 1
    assert "a fully connected layer, exactly" in capsys.readouterr().out


def test_compare(monkeypatch, capsys):
    monkeypatch.setattr(comparison, "SECONDS", 0.0)
    assert main(["compare", "pointwise(2,3)", *GRID, "--batch", "2", "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert fields["batch"] == 2
    assert len(fields["rows"]) == 6
    assert main(["compare", "pointwise(2,3)", *GRID]) == 0
    assert "batched matmul" in " ".join(capsys.readouterr().out.split())


def test_compare_draws_bars(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(comparison, "SECONDS", 0.0)
    for name, begins in (("bars.svg", b"<svg "), ("bars.png", b"\x89PNG")):
        assert main(["compare", "pointwise(2,3)", *GRID, "-o", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes().startswith(begins)
        assert "batched matmul" in " ".join(capsys.readouterr().out.split())
    assert len([*tmp_path.iterdir()]) == 2


@pytest.mark.parametrize(
    ("spec", "layer"),
    [
        ("conv({},stride=2,padding=1)", nn.Conv2d(2, 3, (3, 2), stride=2, padding=1)),
        ("convolution({},groups=2)", nn.Conv2d(4, 6, 3, groups=2)),
        ("pointwise({})", nn.Conv2d(2, 3, 1)),
        ("linear({})", nn.Linear(32, 3)),
    ],
)
def test_weights_with_their_kind(tmp_path, capsys, spec, layer):
    path = tmp_path / "w.safetensors"
    save_file(layer.state_dict(), path)
    channels = getattr(layer, "in_channels", 2)
    grid = (channels, 4, 4) if channels == 2 else (channels, 3, 4)
    words = ["matrix", spec.format(repr(str(path))), "--input", ",".join(map(str, grid)), "--json"]
    assert main(words) == 0
    fields = json.loads(capsys.readouterr().out)
    x = torch.randn(1, *grid)
    flat = isinstance(layer, nn.Linear)
    expected = layer(x.flatten(1) if flat else x).flatten().detach().numpy()
    dense = np.zeros(fields["shape"])
    rows = np.repeat(np.arange(len(dense)), np.diff(fields["indptr"]))
    dense[rows, fields["indices"]] = fields["data"]
    np.testing.assert_allclose(dense @ x.flatten().numpy() + fields["bias"], expected, atol=1e-5)


def test_a_pointwise_matrix_and_a_local_weight(tmp_path, capsys):
    np.save(tmp_path / "p.npy", np.eye(2, dtype=np.int64))
    assert main(["identify", f"pointwise('{tmp_path}/p.npy')", *GRID]) == 0
    np.save(tmp_path / "l.npy", np.ones((3, 2, 2, 2, 1, 1), dtype=np.float32))
    assert main(["identify", f"local('{tmp_path}/l.npy')", *GRID]) == 0
    assert capsys.readouterr().out.count("a 1×1 convolution") == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["convert", "conv(2,1,1)", "--to", "circle", *GRID],
            "'--to': 'circle' is not one of 'dense'",
        ),
        (["convert", "conv(2,1,1)", "--to", "dense", "--input", "2,999,999"], "would take"),
        (["compare", "conv(2,1,1)", *GRID, "--batch", "999999999999"], "batch=999999999999"),
        (["compare", "conv('nan.npy')", *GRID], "NaN or infinite"),
        (["nearest", "conv('nan.npy')", "--to", "dense", *GRID], "NaN or infinite"),
        (["convert", "conv(2,1,1)", "--to", "local", "--input", "2,9,99999999999999"], "memory"),
        (["convert", "conv(2,1,1)", "--to", "dense", *GRID, "--out", "w.npy"], ".safetensors"),
        (["nearest", "conv('none.npy')", "--to", "dense", *GRID], "none.npy: no such file"),
        (["identify", "conv('bad.npy')", *GRID], "bad.npy: cannot be read"),
        (["identify", "conv('flat.npy')", *GRID], "cannot be built"),
        (["identify", "linear('names.safetensors')", *GRID], "holds other"),
        (["identify", "linear(8,4)", *GRID, "--tol", "-1"], "tol=-1"),
        (["compare", "linear(8,4)", *GRID, "--batch", "0"], "batch=0"),
        (["compare", "linear(8,4)", *GRID, "-o", "bars.html"], "ends in .svg, .png"),
        (["compare", "linear(8,4)", *GRID, "-o", "no/bars.svg"], "folder no does not exist"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(tmp_path, monkeypatch, words, message, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.npy").write_bytes(b"no array")
    np.save("flat.npy", np.zeros(3))
    np.save("nan.npy", np.full((1, 2, 1, 1), np.nan))
    save_file({"other": torch.zeros(2)}, "names.safetensors")
    assert main(words) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("conv(a,b,c)", "layer 'conv(a,b,c)': a: give a whole number"),
        ("conv(2,1,k)", ": k: give a whole number"),
        ("conv(2,1,1,stride=s)", ": stride=s: give a whole number"),
        ("conv(2,1,1.5)", ": 1.5: give a whole number"),
        ("conv(2,1,-1)", ": -1: give a whole number from 0"),
        ("conv(2,1,None)", ": None: give a whole number"),
        ("conv(10**9,1,1)", ": 10 ** 9: give a whole number"),
        ("conv(*(2,1,1))", ": *(2, 1, 1): give a whole number"),
        ("conv(2,1,(1,'x'))", ": (1, 'x'): give a whole number"),
        ("conv(2,1,1,bias='no')", ": bias='no': give True or False"),
        ("conv(2,1,1,padding_mode=3)", ": padding_mode=3: give a text in quotes"),
        ("conv(2,1,1,device='cuda')", ": device='cuda': there is no device; known are kernel_size"),
        ("conv(2,1,1,dtype=3)", ": there is no dtype"),
        ("conv(2,1,1,x=1)", ": there is no x"),
        ("conv(**{'a':1})", ": there is no None"),
        ("conv(2,1," + "-" * 5000 + "1)", "is not a spec"),
        ("conv(2,1," + "(" * 500 + "1" + ")" * 500 + ")", "is not a spec"),
        ("conv('no.npy')", "no.npy: no such file"),
        ("conv('/')", "/: no such file"),
    ],
)
def test_a_spec_with_a_wrong_value_is_told_which(spec, said, capsys):
    assert main(["matrix", spec, *GRID]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err
    assert " object at " not in err


@pytest.mark.parametrize("suffix", [".npy", ".safetensors"])
def test_an_empty_file_or_weight_is_one_line(suffix, tmp_path, capsys):
    path = tmp_path / f"w{suffix}"
    path.touch()
    assert main(["matrix", f"conv('{path}')", *GRID]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{path}: cannot be read" in line
    weight = torch.ones(0, 2, 1, 1)
    np.save(path, weight.numpy()) if suffix == ".npy" else save_file({"weight": weight}, path)
    assert main(["matrix", f"conv('{path}')", *GRID]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "has no outputs" in line
