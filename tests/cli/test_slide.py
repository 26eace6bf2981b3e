"""`onebyone slide`: the files it writes, and every bad input."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.export import Dim

from onebyone.cli import main
from onebyone.windows.backends import compilers

MODULE = """
import torch

class Heads(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = network(), network()

    def forward(self, x):
        return {"cat": self.first(x), "dog": self.second(x)}

def network():
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(144, 3)).eval()

def training():
    return network().train()

def heads():
    return Heads().eval()

def strides():
    layers = [torch.nn.Conv2d(3, 8, 8, stride=8), torch.nn.ReLU(), torch.nn.Conv2d(8, 3, 5)]
    return torch.nn.Sequential(*layers, torch.nn.Flatten())

def flat():
    return torch.nn.Flatten(0).eval()

def broken():
    raise RuntimeError("no such thing")

number = lambda: 7
"""
WINDOW = ["--window", "1,6,6", "--stride", "2"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with images, a module, weights and exported programs."""
    folder = tmp_path_factory.mktemp("slide")
    (folder / "onebyone_test_networks.py").write_text(MODULE)
    pixels = np.random.default_rng(0).uniform(size=(20, 30)).astype(np.float32)
    np.save(folder / "x.npy", pixels)
    np.save(folder / "whole.npy", (pixels * 255).astype(np.uint8))
    pixels[7, 9:11] = np.nan, np.inf
    np.save(folder / "nan.npy", pixels)
    Image.fromarray((np.load(folder / "x.npy") * 255).astype(np.uint8)).save(folder / "x.png")
    Image.new("RGB", (30, 20)).save(folder / "colour.png")
    Image.new("RGBA", (30, 20)).save(folder / "alpha.png")
    (folder / "short.png").write_bytes((folder / "x.png").read_bytes()[:200])
    return folder


@pytest.fixture
def here(made, tmp_path, monkeypatch):
    for path in made.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])  # a command leaves its folder there
    return tmp_path


@pytest.fixture(scope="module")
def program(made):
    """An exported program of the network, of any batch."""
    namespace: dict = {}
    exec(MODULE, namespace)
    example = (torch.zeros(2, 1, 6, 6),)
    program = torch.export.export(
        namespace["network"](), example, dynamic_shapes=({0: Dim("batch")},)
    )
    path = made / "net.pt2"
    torch.export.save(program, path)
    return path


def network(name="network"):
    return f"onebyone_test_networks:{name}"


def slide(image, *words, model=None, out="map.npz"):
    return main(["slide", image, "--model", model or network(), "--out", out, *words])


def crops(pixels, stride=2):
    """The scores by running every crop."""
    namespace: dict = {}
    exec(MODULE, namespace)
    windows = torch.from_numpy(pixels).unfold(0, 6, stride).unfold(1, 6, stride)
    with torch.inference_mode():
        scores = namespace["network"]()(windows.reshape(-1, 1, 6, 6))
    return scores.T.reshape(3, *windows.shape[:2]).numpy()


def test_the_npz_holds_the_scores_of_every_crop(here, capsys):
    assert slide("x.npy", *WINDOW) == 0
    out, err = capsys.readouterr()
    assert out.startswith("map.npz: 8 × 13 windows in ")
    assert err == ""
    with np.load("map.npz") as written:
        np.testing.assert_allclose(written["scores"], crops(np.load("x.npy")), atol=1e-6)
        assert written["window"].tolist() == [1, 6, 6]
        assert written["stride"].tolist() == [2, 2]
        assert written["origin"].tolist() == [0, 0]
        assert written["image_size"].tolist() == [20, 30]
    assert not [*here.glob(".map*")]


def test_the_other_files(here):
    assert slide("x.npy", *WINDOW, out="map.npy") == 0
    np.testing.assert_allclose(np.load("map.npy"), crops(np.load("x.npy")), atol=1e-6)
    assert slide("x.npy", *WINDOW, out="map.png") == 0
    with Image.open("map.png") as picture:
        assert picture.size == (30, 20)
    assert slide("x.npy", *WINDOW, out="MAP.HTML") == 0
    assert "<!doctype html>" in (here / "MAP.HTML").read_text()


def test_figures_and_report_as_json(here, capsys):
    assert slide("x.npy", *WINDOW, "--json", "--report", "--padding", "image") == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["grid"], figures["window"], figures["stride"]) == ([8, 13], [1, 6, 6], [2, 2])
    assert figures["deviation"]["absolute"] > 0.01  # this network pads
    assert figures["report"]["ratio"] > 1
    assert figures["windows_not_finite"] == 0


def test_report_and_deviation_in_words(here, capsys):
    assert slide("x.npy", *WINDOW, "--report", "--padding", "image") == 0
    out = capsys.readouterr().out
    assert "padding=image differs from crops by" in out
    assert "conv2d" in out


def test_report_as_a_page(here, capsys):
    assert slide("x.npy", *WINDOW, "--report", "sharing.html") == 0
    out = capsys.readouterr().out
    assert "\nsharing.html: what windows share, by layer\n" in out
    assert "positions" not in out  # nothing is printed beside
    page = (here / "sharing.html").read_text(encoding="utf-8")
    assert "8×13 windows of 6×6 at stride 2×2 on 20×30" in page
    assert '"picture":"data:image/png;base64,' in page
    assert slide("x.npy", *WINDOW, "--json", "--explain", "--report=SHARING.HTML") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["report"]["ratio"] > 1
    assert "Pieces: one" in (here / "SHARING.HTML").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("sharing.png", "--report sharing.png: give a name that ends in .html"),
        ("none/sharing.html", "none/sharing.html: its folder none does not exist"),
        ("map.html", "--report map.html: is the file of --out, too; give another name"),
        ("x.html", "x.html: is a file that is read"),
        ("", "--report .: give a name that ends in .html"),
    ],
)
def test_a_page_that_cannot_be_written(here, capsys, page, reason):
    shutil.copy("x.npy", "x.html")
    before = {path.name: path.read_bytes() for path in here.iterdir() if path.is_file()}
    assert slide("x.html", *WINDOW, "--report", page, out="map.html") == 2
    assert reason in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in here.iterdir() if path.is_file()} == before


def test_explain_prints_the_report_and_why(here, capsys):
    assert slide("x.npy", *WINDOW, "--explain") == 0
    out = capsys.readouterr().out
    assert "conv2d" in out
    assert "Pieces: one" in out


def test_whole_numbers_with_scale_mean_and_deviation(here):
    words = ["--scale", "1/255", "--mean", "0.5", "--std", "0.25"]
    assert slide("x.png", *WINDOW, *words) == 0
    pixels = np.array(Image.open("x.png")).astype(np.float32) / 255
    with np.load("map.npz") as written:
        np.testing.assert_allclose(written["scores"], crops((pixels - 0.5) / 0.25), atol=1e-5)


def test_several_outputs_go_into_npz_only(here, capsys):
    assert slide("x.npy", *WINDOW, model=network("heads")) == 0
    with np.load("map.npz") as written:
        np.testing.assert_allclose(written["scores_dog"], crops(np.load("x.npy")), atol=1e-6)
        assert "scores_cat" in written
    assert slide("x.npy", *WINDOW, model=network("heads"), out="map.html") == 2
    assert "several outputs (scores_cat, scores_dog); write .npz" in capsys.readouterr().err


@pytest.mark.filterwarnings("default")
def test_pixels_that_are_not_finite_are_counted_and_the_rest_is_right(here, capsys):
    assert slide("nan.npy", *WINDOW) == 0
    err = capsys.readouterr().err
    pixels = np.load("nan.npy")
    expected = crops(pixels)
    touched = np.isnan(expected).any(axis=0)
    assert err == (
        "onebyone: warning: nan.npy: NaN or infinite pixels: 2 of 600; "
        f"windows they touch: {touched.sum()}\n"
    )
    with np.load("map.npz") as written:
        np.testing.assert_allclose(written["scores"][:, ~touched], expected[:, ~touched], atol=1e-6)
        assert np.isnan(written["scores"][:, touched]).all()


def test_a_bundled_network_brings_its_window_stride_scale_and_classes(here, capsys):
    page = np.zeros((40, 52), dtype=np.uint8)
    page[8:32, 22:26] = 255  # a stroke: the digit one
    Image.fromarray(page).save("page.png")
    assert slide("page.png", model="nin-digits") == 0
    with np.load("map.npz") as written:
        assert written["window"].tolist() == [1, 28, 28]
        assert written["stride"].tolist() == [4, 4]
        assert written["scores"].shape == (11, 4, 7)
        assert written["classes"].tolist() == [*map(str, range(10)), "background"]
        assert written["scores"][:, 1, 2].argmax() == 1


def test_an_exported_program(here, program):
    assert slide("x.npy", *WINDOW, model=str(program)) == 0
    with np.load("map.npz") as written:
        np.testing.assert_allclose(written["scores"], crops(np.load("x.npy")), atol=1e-6)


def rewritten(program, path, change):
    """A copy of an exported program in which `change` gives each member's new name and bytes."""
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            for member, content in change(name, old.read(name)):
                new.writestr(member, content)


@pytest.mark.parametrize(
    ("member", "old", "new", "said"),
    [
        ("constants_config.json", None, b"", "custom_obj_0', which is no plain data of a program"),
        ("weights_config.json", b'"use_pickle": false', b'"use_pickle": true', "a pickled tensor"),
        ("model.json", b'"expr_str": "', b'"expr_str": "eval(', "no plain expression"),
        ("model.json", b"torch.ops.aten.conv2d.default", b"os.system", "calls 'os.system'"),
    ],
)
def test_programs_that_could_run_code_are_refused(here, program, capsys, member, old, new, said):
    def change(name, content):
        if not name.endswith(member):
            return [(name, content)]
        if member == "constants_config.json":
            extra = (name.replace("model_constants_config.json", "custom_obj_0"), b"pickle")
            return [(name, content), extra]
        assert old is None or old in content
        return [(name, new if old is None else content.replace(old, new))]

    rewritten(program, here / "evil.pt2", change)
    assert slide("x.npy", *WINDOW, model="evil.pt2") == 2
    err = capsys.readouterr().err
    assert err.startswith("onebyone: evil.pt2: ")
    assert said in err
    assert err.endswith("pass trust=True, or --trust, if you trust where it comes from\n")


def test_trust_loads_it_nonetheless(here, program):
    def change(name, content):
        extra = [("net/data/constants/custom_obj_0", b"")] if "model.json" in name else []
        return [(name, content), *extra]

    rewritten(program, here / "odd.pt2", change)
    assert slide("x.npy", *WINDOW, model="odd.pt2") == 2
    assert slide("x.npy", *WINDOW, "--trust", model="odd.pt2") == 0


def test_a_program_that_cannot_be_loaded_is_one_line(here, program, capsys):
    def change(name, content):
        return [] if name.endswith("weight_0") else [(name, content)]

    rewritten(program, here / "partial.pt2", change)
    assert slide("x.npy", *WINDOW, model="partial.pt2") == 2
    assert "has no member data/weights/weight_0" in one_line(capsys)


def weights():
    namespace: dict = {}
    exec(MODULE, namespace)
    return {name: tensor + 1 for name, tensor in namespace["network"]().state_dict().items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights(here, suffix):
    from safetensors.torch import save_file

    (save_file if suffix == ".safetensors" else torch.save)(weights(), f"w{suffix}")
    assert slide("x.npy", *WINDOW, "--weights", f"w{suffix}") == 0
    with np.load("map.npz") as written:
        assert np.abs(written["scores"] - crops(np.load("x.npy"))).min() > 0.1


def test_a_network_that_was_trained_brings_its_window_scale_and_classes(here):
    from onebyone import nin

    torch.manual_seed(0)
    model = nin.NetworkInNetwork(nin.ARCHITECTURES["mnist"].adapted((1, 14, 14), 2)).eval()
    model.class_names = ("cat", "dog")
    nin.save(model, "trained.safetensors")
    assert slide("x.png", model="trained.safetensors") == 0
    with np.load("map.npz") as written:
        assert written["classes"].tolist() == ["cat", "dog"]
        assert written["window"].tolist() == [1, 14, 14]
        assert written["stride"].tolist() == [4, 4]
        found = written["scores"]
    pixels = torch.from_numpy(np.array(Image.open("x.png"))).float()[None, None] / 255
    with torch.no_grad():
        assert np.allclose(found[:, 0, 0], model(pixels[..., :14, :14])[0], atol=1e-6)


class Harm:
    """Unpickling this would make a folder."""

    def __reduce__(self):
        import os

        return os.mkdir, ("harmed",)


def bad_weights(kind):
    from safetensors.torch import save_file

    tensors = weights()
    if kind == "keys":
        tensors["extra"] = tensors.pop("3.bias")
    if kind == "shape":
        tensors["3.bias"] = torch.zeros(7)
    save_file(tensors, "w.safetensors")
    if kind == "truncated":
        path = Path("w.safetensors")
        path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("keys", "do not fit the model; missing: 3.bias; unexpected: extra"),
        ("shape", "do not fit the model; of another shape: 3.bias"),
        ("truncated", "not readable, or truncated"),
    ],
)
def test_weights_that_do_not_fit(here, capsys, kind, said):
    bad_weights(kind)
    assert slide("x.npy", *WINDOW, "--weights", "w.safetensors") == 2
    assert said in one_line(capsys)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": Harm()}, "refused, it pickles more than weights"),
        (torch.zeros(3), "holds no state_dict"),
    ],
)
def test_pickles_that_are_no_weights(here, capsys, content, said):
    torch.save(content, "w.pth")
    assert slide("x.npy", *WINDOW, "--weights", "w.pth") == 2
    assert said in one_line(capsys)
    assert not (here / "harmed").exists()


def one_line(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("onebyone: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.npy", *WINDOW], "absent.npy: no such file"),
        (["short.png", *WINDOW], "short.png: not a readable image"),
        (["whole.npy", *WINDOW], "whole numbers (uint8); pass --scale 1/255"),
        (["colour.png", *WINDOW, "--scale", "1/255"], "has 3 channels"),
        (["x.npy", "--window", "1,21,6"], "20 × 30 pixels are less than a window of 21 × 6"),
        (["x.npy", "--window", "6,6"], "--window 6,6: give three numbers"),
        (["x.npy", "--window", "1,0,6"], "--window 1,0,6: give three numbers above 0"),
        (["x.npy", "--window", "one"], "--window one: give whole numbers"),
        (["x.npy"], "--window: this model needs its window"),
        (["x.npy", "--window", "1,5,5"], "model does not run on windows of shape"),
        (["x.npy", "--window", "1,6,6", "--stride", "0"], "stride"),
        (["x.npy", "--window", "1,6,6", "--stride", "2,2,2"], "stride"),
        (["x.npy", *WINDOW, "--scale", "1,2"], "--scale 1,2: give one factor"),
        (["x.npy", *WINDOW, "--scale", "0"], "--scale 0: every pixel would be 0"),
        (["x.npy", "--window", "1,6,6", "--stride", "1e3"], "--stride 1e3: give whole numbers"),
        (["x.npy", "--window", "1,6,6", "--stride", "9" * 20], "give whole numbers"),
        (["x.npy", *WINDOW, "--mean", "1,2"], "mean"),
        (["x.npy", *WINDOW, "--std", "0"], "std"),
        (["x.npy", *WINDOW, "--memory", "much"], "--memory much: give a size"),
        (["x.npy", *WINDOW, "--weights", "absent.safetensors"], "no such file"),
        (["x.npy", *WINDOW, "--weights", "x.npy"], "give a .safetensors file"),
    ],
)
def test_bad_input_is_one_line_and_status_2(here, capsys, words, said):
    assert slide(*words) == 2
    assert said in one_line(capsys)
    assert not (here / "map.npz").exists()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("nin-digit", "no such model; did you mean nin-digits?"),
        ("resnet", "no such model; it may be nin-digits, nin-digits-padded, timm:NAME"),
        ("absent.pt2", "absent.pt2: no such file"),
        ("short.pt2", "short.pt2: not a readable .pt2 archive, or truncated"),
        ("weights.pth", "holds weights without their network"),
        ("absent_module:network", "importing 'absent_module' failed: ModuleNotFoundError"),
        (network("netwrok"), "did you mean onebyone_test_networks:network?"),
        (network("number"), "returned int, not a torch.nn.Module"),
        (network("broken"), "the call failed: RuntimeError: no such thing"),
        ("net.onnx", "net.onnx: is not an ONNX file"),
        ("net.h5", "net.h5: is a Keras file, which is not read; export the PyTorch module, torch."),
        (
            "net.xyz",
            "net.xyz: is a .xyz file, which is not read; export the PyTorch module, torch.",
        ),
        ("script.pt", "script.pt: is a TorchScript file, which is not read; export the PyTorch"),
        ("empty.pt", "empty.pt: a .pt file holds weights without their network"),
        (".", "--model .: is a folder, which is not read"),
        (network("flat"), "first dimension must be the batch"),
    ],
)
def test_models_that_cannot_be_used(here, capsys, program, model, said):
    (here / "short.pt2").write_bytes(program.read_bytes()[:5000])
    for name in ("net.onnx", "net.h5", "net.xyz", "empty.pt"):
        (here / name).write_bytes(b"")
    with zipfile.ZipFile(here / "script.pt", "w") as script:  # as torch.jit.save lays it out
        script.writestr("script/code/__torch__.py", "")
    assert slide("x.npy", *WINDOW, model=model) == 2
    assert said in one_line(capsys)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("map.tiff", "give a name that ends in .npz, .npy, .png, .html"),
        ("map", "give a name that ends in"),
        ("absent/map.npz", "its folder absent does not exist"),
        ("folder.npz", "is a folder"),
    ],
)
def test_outputs_that_cannot_be_written_are_found_before_the_work(here, capsys, out, said):
    (here / "folder.npz").mkdir()
    assert slide("absent.npy", out=out) == 2
    assert said in one_line(capsys)


@pytest.mark.filterwarnings("default")
def test_warnings_are_lines_too(here, capsys):
    assert slide("alpha.png", "--window", "3,6,6") == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "onebyone: warning: alpha.png: its alpha channel is left out"
    assert second.startswith("onebyone: alpha.png: its pixels are whole numbers")


LAZY = """
import torch

class Lazy(torch.nn.Module):
    def forward(self, x):
        from onebyone_test_lazily.inside import mean
        return mean(x)

def network():
    import onebyone_test_lazily
    return Lazy()
"""


def test_what_a_function_and_its_network_import_when_they_run_is_found(here):
    (here / "onebyone_test_lazy.py").write_text(LAZY)
    (here / "onebyone_test_lazily").mkdir()
    (here / "onebyone_test_lazily" / "__init__.py").write_text("")
    inside = here / "onebyone_test_lazily" / "inside.py"
    inside.write_text("def mean(x):\n    return x.mean((2, 3))\n")
    assert slide("x.npy", *WINDOW, model="onebyone_test_lazy:network") == 0
    assert np.load("map.npz")["scores"].shape == (1, 8, 13)


def test_a_network_in_training_mode_is_put_into_eval_mode(here):
    assert slide("x.npy", *WINDOW, model=network("training")) == 0
    np.testing.assert_allclose(np.load("map.npz")["scores"], crops(np.load("x.npy")), atol=1e-6)


def test_an_exported_program_brings_its_window(here, program, capsys):
    shutil.copy(program, here / "net.pt2")
    assert slide("x.npy", "--stride", "2", model="net.pt2") == 0
    np.testing.assert_allclose(np.load("map.npz")["scores"], crops(np.load("x.npy")), atol=1e-6)
    capsys.readouterr()
    assert slide("x.npy", "--window", "1,5,6", model="net.pt2") == 2
    assert "--window 1,5,6: the model was exported for windows of 1,6,6" in one_line(capsys)


@pytest.mark.parametrize(
    ("pixels", "words", "said"),
    [
        (np.uint16([[0, 60000]]), ["--scale", "1/255"], "pass --scale 1/65535 to have 0 to 1"),
        (np.uint16([[0, 256]]), ["--scale", "0.0039"], "more than 8 bits (uint16, up to 256)"),
        (np.int64([[0, 4000]]), ["--scale", "2/255"], "pass --scale 1/65535 to have 0 to 1"),
        (np.int32([[0, 70000]]), ["--scale", "1/256"], "pass --scale 1/2147483647"),
        (np.uint16([[0, 60000]]), ["--scale", "1"], None),
        (np.uint16([[0, 60000]]), ["--scale", "1/10000"], None),  # satellites' reflectance
        (np.uint16([[0, 60000]]), ["--scale", "1/65535"], None),
        (np.uint16([[0, 255]]), ["--scale", "1/255"], None),
        (np.uint16([[0, 255]]), [], "1/255 if they are 8 bits, 1/65535 if they are 16"),
        (np.uint16([[0, 4095]]), [], "whole numbers (uint16, up to 4095); pass --scale 1/65535"),
        (np.int64([[0, 200]]), [], "1/255 if they are 8 bits"),
    ],
)
def test_a_scale_for_fewer_bits_than_the_pixels_have_is_refused(here, capsys, pixels, words, said):
    np.save("deep.npy", np.tile(pixels, (6, 3)))
    assert slide("deep.npy", *WINDOW, *words) == (0 if said is None else 2)
    if said is not None:
        assert said in one_line(capsys)


def test_a_network_that_takes_0_to_1_scales_what_files_of_pictures_hold(here, capsys):
    grey = np.random.default_rng(0).integers(0, 256, (28, 28))
    maps = {}
    for kind, factor in ((np.uint8, 1), (np.uint16, 257)):
        np.save("deep.npy", (grey * factor).astype(kind))
        assert slide("deep.npy", model="nin-digits") == 0
        maps[kind] = np.load("map.npz")["scores"]
    np.testing.assert_allclose(maps[np.uint8], maps[np.uint16], atol=1e-6)
    capsys.readouterr()
    for kind in (np.int64, np.uint16):  # of 64 bits, or dark: which white is meant is not known
        np.save("deep.npy", grey.astype(kind))
        assert slide("deep.npy", model="nin-digits") == 2
        assert "pass --scale 1/255 if they are 8 bits" in one_line(capsys)


def test_channels_that_come_last_are_seen(here, capsys):
    np.save("last.npy", np.zeros((20, 30, 1), np.float32))
    assert slide("last.npy", *WINDOW) == 2
    said = one_line(capsys)
    assert "has 20 channels (20 × 30 × 1), --window 1,6,6 needs 1; it looks like [H, W, C]" in said
    assert "np.moveaxis(x, -1, 0)" in said


def test_memory_holds_for_the_image_too(here, capsys):
    np.savez_compressed("packed.npz", image=np.zeros((1, 200, 300), np.float32))
    assert slide("packed.npz", *WINDOW, "--memory", "200KB") == 2
    assert "--memory: 200000 bytes are too little, packed.npz alone takes 240000" in one_line(
        capsys
    )
    np.save("mapped.npy", np.zeros((1, 200, 300), np.float32))
    assert slide("mapped.npy", *WINDOW, "--memory", "200KB") == 0


PEAK = """
import resource, sys
from onebyone.cli import main
status = main(sys.argv[1:])
print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".png"])
def test_the_process_stays_within_the_memory_asked_for(here, suffix):
    large = np.zeros((3, 4000, 4000), np.uint8)  # 48 MB, as float32 192 MB
    peaks = []
    for name, pixels in (("small", large[:, :40, :40]), ("large", large)):
        path = here / f"{name}{suffix}"
        if suffix == ".png":
            Image.fromarray(pixels.transpose(1, 2, 0)).save(path, compress_level=1)
        else:
            (np.save if suffix == ".npy" else np.savez)(path, pixels)
        words = ["slide", str(path), "--model", network("strides"), "--window", "3,40,40"]
        words += ["--scale", "1/255", "--memory", "150MB", "--out", "map.npy"]
        ran = subprocess.run(
            [sys.executable, "-c", PEAK, *words], check=False, capture_output=True, text=True
        )
        status, peak = ran.stdout.split("\n")[-2].split()
        assert status == "0", ran.stderr
        peaks.append(1024 * int(peak))
    # The image itself, mapped or held (Pillow holds a third more besides), and the memory.
    assert peaks[1] - peaks[0] < (48 + 64 + 150) * 10**6


def test_another_backend_runs_and_is_named(here, capsys, monkeypatch):
    seen = []
    # What backends compute is tested beside them; compiling here would take long.
    monkeypatch.setitem(
        compilers.COMPILERS, "openvino", lambda module, x: seen.append(x.shape) or module
    )
    arguments = ["slide", "x.npy", "--model", network(), *WINDOW, "--out", "x_out.npy"]
    assert main(arguments) == 0
    assert "backend" not in capsys.readouterr().out
    assert main([*arguments, "--backend", "openvino", "--report"]) == 0
    said = capsys.readouterr().out
    assert "backend: openvino" in said
    assert "Backend: openvino" in said
    assert seen == [(1, 1, 20, 30)]  # the whole image; the trial run on one window needs no plan


def test_a_backend_that_is_not_installed_is_one_line(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    arguments = ["slide", "x.npy", "--model", network(), *WINDOW, "--out", "x_out.npy"]
    assert main([*arguments, "--backend", "openvino"]) == 2
    said = capsys.readouterr().err
    assert "pip install 'onebyone[openvino]'" in said
    assert said.count("\n") == 1


def test_calibrate_says_what_it_kept_and_where(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("ONEBYONE_CACHE", str(tmp_path))
    assert main(["calibrate"]) == 0
    assert f"Kept in {tmp_path / 'costs.json'}." in capsys.readouterr().out
    monkeypatch.setenv("ONEBYONE_CACHE", "0")
    assert main(["calibrate"]) == 2
