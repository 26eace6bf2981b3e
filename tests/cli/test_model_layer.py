"""A layer of a model on the command line, by its path."""

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.export import Dim, export, save

from onebyone import nin
from onebyone.cli import main
from onebyone.layers import equal
from onebyone.models import load_layer

FACTORY = """
from torch import nn
def small():
    return nn.Sequential(nn.Conv2d(2, 3, 2), nn.ReLU(), nn.Sequential(nn.Conv2d(3, 1, 1)))
"""


class Mixed(nn.Module):
    """Layers of every kind that a program is read for, one of which reads channels last."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), dilation=1, groups=2)
        self.same = nn.Conv2d(6, 6, 3, padding="same", bias=False)
        self.mix = nn.Linear(6, 5)
        self.pool = nn.AvgPool2d(2)
        self.head = nn.Linear(20, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.mix(self.same(self.wide(x)).movedim(1, -1)).movedim(-1, 1))
        return self.head(x.flatten(1))


@pytest.fixture
def exported(tmp_path):
    model = Mixed().eval()
    path = tmp_path / "mixed.pt2"
    shapes = ({0: Dim("batch")},)
    save(export(model, (torch.zeros(2, 4, 8, 8),), dynamic_shapes=shapes), path)
    return model, path


@pytest.mark.parametrize(
    ("name", "kind", "grid"),
    [
        ("wide", nn.Conv2d, (4, 8, 8)),
        ("same", nn.Conv2d, (6, 4, 4)),
        ("mix", nn.Linear, (6, 4, 4)),
        ("pool", nn.Module, (5, 4, 4)),
        ("head", nn.Linear, (20,)),
    ],
)
def test_layers_of_an_exported_program(exported, name, kind, grid):
    model, path = exported
    if name == "head":
        save(export(model, (torch.zeros(2, 4, 8, 8),)), path)  # a batch of one size
    layer, found = load_layer(f"{path}:{name}")
    assert isinstance(layer, kind)
    assert found == grid
    assert equal(layer, model.get_submodule(name), grid, tol=1e-6)


def test_commands_take_a_models_layer(tmp_path, monkeypatch, capsys):
    words = ["identify", "nin-digits:features.6.2.0"]
    assert main(words) == 0
    assert "a 1×1 convolution, 12,288 of" in capsys.readouterr().out
    assert main(["convert", words[1], "--to", "linear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shapes"]["weight"] == [96, 128]
    assert main(["equal", words[1], "linear(128,96)"]) == 1
    assert main(["equal", words[1], f"linear({words[1]})"]) == 0
    assert "S2" in capsys.readouterr().out
    assert main(["nearest", words[1], "--to", "dense", "--input", "128,1,1"]) == 0
    assert main(["matrix", words[1], "--input", "128,1,2"]) == 0
    assert "192×256 matrix, 24,576 connections, 12,288" in capsys.readouterr().out


def test_layers_of_what_a_function_returns(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo_i3.py").write_text(FACTORY)
    assert main(["identify", "zoo_i3:small:2.0", "--input", "3,4,4"]) == 0
    assert "a 1×1 convolution" in capsys.readouterr().out
    weights = {
        f"{name}.weight": torch.full(shape, 0.5)
        for name, shape in (("0", (3, 2, 2, 2)), ("2.0", (1, 3, 1, 1)))
    } | {"0.bias": torch.zeros(3), "2.0.bias": torch.ones(1)}
    save_file(weights, tmp_path / "w.safetensors")
    words = ["matrix", "zoo_i3:small:2.0", "--input", "3,1,1", "--weights", "w.safetensors"]
    assert main([*words, "--json"]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert (fields["data"], fields["bias"]) == ([0.5] * 3, [1.0])


def test_an_mlpconv_is_not_linear(capsys):
    assert main(["matrix", "nin-digits:features.6.2", "--input", "128,1,1"]) == 2
    assert "is not linear" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["nin-digits:features.9.0"],
            "no module 'features.9.0'; the nearest names are features.6.0",
        ),
        (["nin-digit:features.0"], "did you mean nin-digits?"),
        (["nin-digits:features.0.0", "--weights", "w.safetensors"], "--weights w.safetensors"),
        (["nin-digits:features.0.0", "--input", "3,9,9"], "takes 1 channels"),
        (["zoo_i3:small:0"], "--input is missing"),
        (["zoo_i3:small:conv", "--input", "2,2,2"], "'conv'; the nearest names are 0, 1, 2"),
        (["zoo_i3:small", "--input", "2,2,2"], "--model zoo_i3: no such model"),
        (["conv(2,1,1)"], "--input is missing"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zoo_i3.py").write_text(FACTORY)
    assert main(["identify", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_the_bundled_window_reaches_every_layer():
    network = nin.load("nin-digits")
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            _, grid = load_layer(f"nin-digits:{name}")
            assert grid is not None
            assert grid[0] == layer.in_channels
