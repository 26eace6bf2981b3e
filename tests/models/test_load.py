"""What may be given as a model, in Python as on the command line."""

import os
import pickle
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.export import Dim, export, save

import onebyone as ob
from helpers.factories import FACTORY, small
from onebyone import nin
from onebyone.models import Model, Preprocessing, load, load_layer
from onebyone.models.loading import READERS

WINDOW = (2, 8, 8)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model of each kind, in which the test runs."""
    program = export(small(), (torch.zeros(2, *WINDOW),), dynamic_shapes=({0: Dim("batch")},))
    save(program, tmp_path / "net.pt2")
    (tmp_path / "onebyone_test_load.py").write_text(FACTORY)
    weights = {name: tensor + 1 for name, tensor in small().state_dict().items()}
    save_file(weights, tmp_path / "w.safetensors")
    torch.save(weights, tmp_path / "w.pth")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_modules_and_programs_are_taken_as_they_are(here: Path) -> None:
    module, program = small().train(), load("net.pt2").network
    assert load(module) == Model(module)
    assert module.training
    assert load(program) == Model(program, WINDOW)


@pytest.mark.parametrize("name", nin.BUNDLED)
def test_bundled_names_say_their_window_and_classes(name: str) -> None:
    model = load(name)
    assert (model.window, model.classes) == ((1, 28, 28), (*map(str, range(10)), "background"))
    assert model.preprocessing == Preprocessing()
    assert load(model.network) == model  # a network says the same by itself


def test_every_bundled_name_has_a_reader() -> None:
    assert {name for name in READERS if ":" not in name and name[0] != "."} == {*nin.BUNDLED}


def test_files_of_train(tmp_path: Path) -> None:
    nin.save(nin.faces(), tmp_path / "faces.safetensors")
    model = load(tmp_path / "faces.safetensors")
    assert (model.window, model.classes) == ((1, 25, 25), ("background", "face"))


@pytest.mark.parametrize("weights", [None, "w.safetensors", "w.pth"])
def test_functions_with_and_without_weights(here: Path, weights: str | None) -> None:
    model = load("onebyone_test_load:small", weights=weights)
    assert (model.window, model.classes, model.network.training) == (None, None, False)
    wanted = small().state_dict()["0.weight"] + (weights is not None)
    assert torch.equal(model.network.state_dict()["0.weight"], wanted)


def test_python_s_own_path_stays_as_it_is(here: Path) -> None:
    before = [*sys.path]
    load("onebyone_test_load:small")
    assert sys.path == before


REFUSED = {
    "nin-digit": "no such model; did you mean nin-digits? It may be nin-digits, nin-digits-padded, "
    "timm:NAME, torchvision:NAME, a .pt2 or .onnx file or package.module:function",
    "": "no such model; it may be",
    "net": "no such model; did you mean net.pt2? It may be",
    "w.pth": "a .pth file holds weights without their network; pass package.module:function, and "
    "this file as its weights",
    "w.safetensors": "a .safetensors file holds weights without their network",
    ".": "is a folder, which is not read",
    "onebyone_test_absent:net": "importing 'onebyone_test_absent' failed: ModuleNotFoundError: No",
    "onebyone_test_load:smal": "onebyone_test_load has no function 'smal'; did you mean "
    "onebyone_test_load:small?",
    "onebyone_test_load:fails": "the call failed: RuntimeError: no such thing",
    "onebyone_test_load:leaves": "the call failed: SystemExit: 3",
    "onebyone_test_load:number": "the call returned int, not a torch.nn.Module",
}


@pytest.mark.parametrize("given", REFUSED)
def test_what_cannot_be_loaded(here: Path, given: str) -> None:
    with pytest.raises(ob.InputError) as caught:
        load(given)
    assert str(caught.value).startswith(f"model={given!r}: {REFUSED[given]}")
    assert (caught.value.argument, str(caught.value).count("\n")) == ({"model": given}, 0)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.argument) == (str(caught.value), caught.value.argument)


def test_what_is_no_model_at_all() -> None:
    for given, shown in ((3, "3"), (nn.ReLU, "the class ReLU")):
        with pytest.raises(ob.InputError, match=f"^model={shown} must be a torch.nn.Module, an"):
            load(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["nin-digits", "net.pt2", small()])
def test_what_goes_with_some_models_only(here: Path, given: object) -> None:
    both = "timm:NAME and torchvision:NAME only"
    for option, said in (
        ({"weights": "w.pth"}, f"weights='w.pth': goes with package.module:function, {both}"),
        ({"classes": 3}, f"classes=3: goes with {both}"),
        ({"download": True}, f"download=True: goes with {both}"),
    ):
        with pytest.raises(ob.InputError) as caught:
            load(given, **option)  # type: ignore[arg-type]
        assert str(caught.value) == said


def test_a_reader_may_say_all_that_a_model_says(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Model(small(), WINDOW, ("a", "b"), Preprocessing(0.5, (1.0, 2.0)))
    monkeypatch.setattr("onebyone.models.function.call", lambda _name, weights: whole)
    assert load("onebyone_test_absent:net") is whole


def test_files_that_are_not_there(here: Path) -> None:
    with pytest.raises(ob.InputError, match=r"^nett.pt2: no such file; did you mean net.pt2\?$"):
        load("nett.pt2")


class Harm:
    """Unpickling this would make a folder."""

    def __reduce__(self) -> object:
        return os.mkdir, ("harmed",)


def test_weights_are_data(here: Path) -> None:
    torch.save({"0.weight": Harm()}, "harm.pth")
    with pytest.raises(ob.InputError, match=r"^weights='harm.pth': refused, it pickles more than"):
        load("onebyone_test_load:small", weights="harm.pth")
    assert not (here / "harmed").exists()


def test_layers_by_their_path(here: Path) -> None:
    layer, grid = load_layer("net.pt2:0")
    assert (str(layer), grid) == (str(nn.Conv2d(2, 3, 3)), WINDOW)
    layer, grid = load_layer("onebyone_test_load:small:4", weights="w.safetensors")
    assert (layer.bias is not None, grid) == (True, None)
    with pytest.raises(ob.InputError) as caught:
        load_layer("net.pt2:5")
    assert str(caught.value) == (
        "layer 'net.pt2:5': net.pt2 has no module '5'; the nearest names are 0, 1, 2"
    )


def test_a_sequence_of_a_program_is_one(here: Path) -> None:
    blocks = nn.Sequential(nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(True), nn.Conv2d(3, 1, 1)))
    save(export(blocks.eval(), (torch.zeros(2, *WINDOW),)), "blocks.pt2")
    layer, grid = load_layer("blocks.pt2:0")
    assert ([*map(type, layer.children())], grid) == ([nn.Conv2d, nn.ReLU, nn.Conv2d], WINDOW)
    x = torch.rand(1, *WINDOW)
    assert torch.equal(layer(x), blocks(x))
