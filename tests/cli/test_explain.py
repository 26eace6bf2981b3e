import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.export import Dim, export, save

from onebyone import nin
from onebyone.cli import main


def test_the_example_as_a_page_and_as_a_still(tmp_path, capsys):
    files = (("a.html", b"<!doctype html>"), ("a.svg", b"<svg "), ("a.png", b"\x89PNG"))
    for name, begins in files:
        path = tmp_path / name
        assert main(["explain", "-o", str(path)]) == 0
        assert path.read_bytes().startswith(begins)
        assert capsys.readouterr().out == f"{path}\n"
    assert len([*tmp_path.iterdir()]) == len(files)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert '"weight":[0.8,-0.5]' in page
    assert "{{" not in page.partition("importmap")[0]


def test_a_layer(tmp_path):
    path = tmp_path / "b.html"
    words = ["linear(8,4)", "--input", "2,2,2", "--output", "1,2,2", "--out", str(path)]
    assert main(["explain", *words]) == 0
    assert '"kind":"dense"' in path.read_text(encoding="utf-8")


def test_a_layer_of_a_model_with_its_trained_weights(tmp_path):
    path = tmp_path / "c.html"
    words = ["--model", "nin-digits", "--layer", "features.0.0", "--out", str(path)]
    assert main(["explain", *words]) == 0
    text = path.read_text(encoding="utf-8")
    layer = json.loads(text.split('type="application/json">')[1].split("</script>")[0])
    assert layer["shape"] | {"c": 1, "o": 96, "h": 28, "w": 28, "k": [5, 5]} == layer["shape"]
    trained = nin.load("nin-digits").features[0][0].weight.detach().flatten()
    np.testing.assert_allclose(layer["weight"], trained, rtol=1e-6)


def test_a_trained_mlpconv_of_a_program_and_json(tmp_path, capsys):
    model, path = nin.load("nin-digits"), tmp_path / "a.html"
    program = export(model, (torch.zeros(2, 1, 28, 28),), dynamic_shapes=({0: Dim("batch")},))
    save(program, tmp_path / "net.pt2")
    pages = []
    for spec in ("nin-digits", str(tmp_path / "net.pt2")):
        words = ["--model", spec, "--layer", "features.3", "--out", str(path), "--json"]
        assert main(["explain", *words]) == 0
        fields = json.loads(capsys.readouterr().out)
        assert (fields["out"], fields["inputs"], fields["outputs"]) == (str(path), 6912, 8192)
        pages.append(path.read_text(encoding="utf-8"))
    assert pages[0] == pages[1]
    assert '"tail":[{"shape":[96,128]' in pages[0]


def test_the_lesson(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("lesson.html", "lesson-2.html"):
        assert main(["explain", "--lesson"]) == 0
        assert capsys.readouterr().out == f"{name}\n"
    assert main(["explain", "--lesson", "--out", "a.html", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"out": "a.html"}
    page = Path("a.html").read_text(encoding="utf-8")
    assert page == Path("lesson.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "Is a 1×1 convolution a fully connected layer?" in page
    assert "{{" not in page.partition("importmap")[0]


def test_without_a_name_nothing_is_replaced(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("picture.html").write_text("somebody's own")
    Path("picture-2.html").symlink_to("nowhere")
    for name in ("picture-3.html", "picture-4.html"):
        assert main(["explain"]) == 0
        assert capsys.readouterr().out == f"{name}\n"
    assert Path("picture.html").read_text() == "somebody's own"
    assert not Path("nowhere").exists()
    assert main(["explain", "--out", "picture.html"]) == 0  # what is named is replaced
    assert Path("picture.html").read_bytes() == Path("picture-3.html").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "2,2,2"], "LAYER is missing"),
        (["conv(2,1,1)"], "--input is missing"),
        (["conv(2,1,1)", "--input", "2"], "--input 2: conv takes channels and 1 to 3 axes"),
        (["conv(2,0,1)", "--input", "2,2,2"], "has no outputs"),
        (["--maps", "a.png", "--weights", "w.npy"], "--maps goes with LAYER and --out only"),
        (["--lesson", "--input", "2,2,2"], "--lesson goes with --out only"),
        (["conv(2,1,1)", "--lesson"], "--lesson goes with --out only"),
        (["--lesson", "--maps", "a.png"], "--lesson goes with --out only"),
        (["--lesson", "--out", "a.svg"], "ends in .html"),
        (["--model", "this_ends:now", "--layer", "x"], "failed: SystemExit: 3"),
        (["--out", f"{'ä' * 130}.svg"], "svg: File name too long"),
        (["--out", "a.gif"], "ends in .html, .svg, .png"),
        (["--out", "no/a.svg"], "folder no does not exist"),
        (["--model", "nin-digits"], "--model and --layer go together"),
        (["conv(2,1,1)", "--model", "nin-digits", "--layer", "pool"], "in the place of LAYER"),
        (["--model", "nin-digits", "--layer", "features.6.9"], "names are features.6"),
        (["conv3d(1,1,1)", "--input", "1,2,2,2"], "up to 2 axes"),
        (["conv(8,8,3)", "--input", "8,5,5", "--out", "a.svg"], "save an .html"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "this_ends", SimpleNamespace(now=lambda: sys.exit(3)))
    assert main(["explain", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert [*tmp_path.iterdir()] == []
