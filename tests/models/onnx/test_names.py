"""Names in ONNX files, which become paths of modules and stand in code that torch.fx writes."""

import time
from pathlib import Path

import onnx
import pytest
import torch
from torch import fx, nn

import onebyone as ob
from helpers.onnx_files import WINDOW, arrays, classifier, ran, saved, windows
from helpers.onnx_pairs import model
from onebyone.graphs.capture import capture
from onebyone.models import load, load_layer
from onebyone.models.onnx.network import Graph

HARM = "\"'\\\n) or __import__('os').mkdir('harmed') #"
EVIL = {
    "code": HARM,
    "newline": "a\nimport os\n",
    "quotes": "'\"`",
    "dots": "..a..b.",
    "long": "n" * 10_000,
    "letters": "фыва·層",
    "null and escapes": "a\x1b[2Jb",
    "attribute": "forward",
    "private": "_modules",
    "keyword": "class",
    "number": "0",
    "format": "{self} %s",
}


def renamed(evil: str) -> onnx.ModelProto:
    """A classifier with two outputs all of whose names are evil, nodes' of one name."""
    made = classifier()
    names = {v: f"{evil}{k}" for k, v in enumerate(["x", "y", "f", "c", "r", "p", *"wbvd"])}
    made.graph.output.append(onnx.helper.make_tensor_value_info("f", 1, ["N", 4]))
    for node in made.graph.node:
        node.name = evil
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for value in (*made.graph.input, *made.graph.output, *made.graph.initializer):
        value.name = names[value.name]
    made.graph.name = evil
    return made


def code_of(module: nn.Module) -> list[str]:
    return [part.code for part in module.modules() if isinstance(part, fx.GraphModule)]


@pytest.mark.parametrize("case", EVIL)
def test_no_name_of_a_file_reaches_code(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = EVIL[case]
    path = saved(tmp_path, renamed(evil))
    found = load(path)
    sliding = ob.slide(path, stride=2)
    image = torch.rand(3, 12, 12)
    outputs = sliding(image)
    assert list(outputs) == [f"{evil}1", f"{evil}2"]  # keys of a dict are data
    x, plain = windows(2), saved(tmp_path, classifier(), "plain.onnx")
    for got, want in zip(found.network(x).values(), ran(plain, {"x": x}), strict=False):
        torch.testing.assert_close(got.detach(), torch.from_numpy(want), rtol=1e-4, atol=1e-5)
    captured = capture(found.network, WINDOW)
    written = [
        *code_of(sliding.plan(12, 12).module),
        fx.GraphModule(found.network, fx.Graph()).code,
    ]
    written += [captured.graph.python_code("self").src, str(captured.graph)]
    paths = [name for name, _ in found.network.named_modules()]
    assert written
    for text in (*written, *paths):
        assert "mkdir(" not in text
        assert "\x1b" not in text
        assert text.isascii()
        assert "'\"`" not in text
    assert all(len(name) < 600 for name in paths)
    assert not (tmp_path / "harmed").exists()


def test_a_plan_of_evil_names_is_code_with_clean_ones(tmp_path: Path) -> None:
    """The check above sees code at all: a clean name of a file is within it."""
    made = classifier()
    made.graph.node[0].name = "first/conv"
    sliding = ob.slide(saved(tmp_path, made), stride=2)
    (row, *_) = sliding.report(12, 12).rows
    assert row.layer == "first/conv"
    assert any("first/conv" in text for text in code_of(sliding.plan(12, 12).module))


def test_nodes_of_one_name_and_names_within_others() -> None:
    graph = Graph(["x"], ["y"])
    paths = [graph.add(name, nn.Identity(), ["x"], ["y"]) for name in ("a", "a.b", "a", "a.b", "")]
    assert paths == ["a", "a.b", "a_1", "a.b_1", "node"]


def test_very_many_nodes_of_one_name_take_no_long_time() -> None:
    graph, started = Graph(["x"], ["y"]), time.perf_counter()
    paths = {graph.add("same", nn.Identity(), ["x"], ["y"]) for _ in range(20_000)}
    assert len(paths) == 20_000
    assert time.perf_counter() - started < 20


def test_layers_have_their_nodes_names(tmp_path: Path) -> None:
    made = classifier(batch=2)
    made.graph.node[0].name, made.graph.node[4].name = "/body/0:conv.7", "head"
    path = saved(tmp_path, made)
    layer, grid = load_layer(f"{path}:/body/0:conv.7")
    assert (layer.kernel_size, grid) == ((3, 3), WINDOW)
    layer, grid = load_layer(f"{path}:head")
    assert (layer.in_features, grid) == (4, (4,))
    with pytest.raises(ob.InputError, match=r"has no module 'heat'; the nearest names are head"):
        load_layer(f"{path}:heat")


def test_layers_of_a_network_in_pieces(tmp_path: Path) -> None:
    body = "r = Reshape(x, s) m = ReduceMean<axes=[1], keepdims=0>(r) y = Softmax<axis=0>(m)"
    text = (
        f"net (float[2,3,8,8] x) => (float[2,8] y) {{c = Conv<kernel_shape=[3,3]>(x, w, b) {body}}}"
    )
    made = model(text.replace("(x, s)", "(c, s)"), {**arrays(), "s": [2, 18, 8]})
    path = saved(tmp_path, made)
    layer, grid = load_layer(f"{path}:Conv0")
    assert (layer.kernel_size, grid) == ((3, 3), WINDOW)
