from xml.etree import ElementTree

import pytest
import torch
from torch import nn

from onebyone.errors import InputError
from onebyone.figures import explain
from onebyone.layers import LocallyConnected, convert

SVG = "{http://www.w3.org/2000/svg}"


def words(figure) -> list[str]:
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{SVG}text")]


def example() -> nn.Conv2d:
    conv = nn.Conv2d(2, 1, 1, bias=False)
    conv.weight.data = torch.tensor([0.8, -0.5]).reshape(1, 2, 1, 1)
    return conv


def test_three_forms_of_a_pointwise_layer():
    text = words(explain(example(), input=(2, 2, 2)))
    for expected in (
        "1×1 convolution",
        "Four fully connected layers",
        "One fully connected layer",
        "nn.Conv2d(2, 1, 1)",
        "nn.Linear(8, 4)",
        "2 weights",
        "8 weights",
        "32 weights",
    ):
        assert expected in text
    assert text.count("0.8") == text.count("−0.5") == 3 * 4
    assert text.count("0") == 24
    assert any("output (0, 0, 0) reads input (0, 0, 1)" in line for line in text)


def test_one_colour_for_one_weight_and_one_wire_for_one_connection():
    figure = ElementTree.fromstring(explain(example(), input=(2, 2, 2)).svg)
    wires = [path.get("stroke") for path in figure.iter(f"{SVG}path")]
    assert len(wires) == 8 + 8 + 32
    assert wires.count("#0072B2") == wires.count("#D55E00") == 3 * 4
    assert sum(path.get("stroke-dasharray") is not None for path in figure.iter(f"{SVG}path")) == 1


@pytest.mark.parametrize(
    ("layer", "input", "output", "title"),
    [
        (nn.Conv2d(1, 2, 2, stride=2, padding=1), (1, 3, 3), None, "2×2 convolution"),
        (nn.Conv1d(4, 2, 3, groups=2), (4, 5), None, "Length-3 convolution"),
        (nn.Linear(8, 4), (2, 2, 2), (1, 2, 2), "One fully connected layer"),
        (nn.Linear(8, 4), (8,), None, "One fully connected layer"),
        (nn.Linear(2, 3), (2, 3), None, "One linear layer at every position"),
        (LocallyConnected((2, 4), 1, 2), (2, 4), None, "Three fully connected layers"),
    ],
)
def test_other_layers(layer, input, output, title):
    assert title in words(explain(layer, input, output))


def test_every_shape_lies_on_the_card():
    figure = ElementTree.fromstring(explain(nn.Conv1d(4, 2, 3), input=(4, 5)).svg)
    width, height = float(figure.get("width")), float(figure.get("height"))
    for element in figure.iter(f"{SVG}rect"):
        x, y, w, h = (float(element.get(name)) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + w <= width
        assert y + h <= height


def test_code_shows_what_is_not_default():
    text = words(explain(nn.Conv2d(2, 2, 3, padding=(1, 0), groups=2), input=(2, 3, 3)))
    assert "nn.Conv2d(2, 2, 3, padding=(1, 0), groups=2)" in text


def test_saves_svg_and_shows_in_a_notebook(tmp_path):
    figure = explain(example(), input=(2, 2, 2))
    figure.save(tmp_path / "answer.svg")
    assert (tmp_path / "answer.svg").read_text(encoding="utf-8") == figure.svg + "\n"
    assert figure._repr_svg_() == figure.svg
    with pytest.raises(InputError, match=r"ends in \.html or \.svg or \.png"):
        figure.save(tmp_path / "answer.gif")


def test_poolings_and_transposes_are_drawn_as_the_convolutions_that_they_are():
    assert "nn.Conv2d(2, 2, 2, stride=2, groups=2)" in words(explain(nn.AvgPool2d(2), (2, 4, 4)))
    assert "nn.Conv1d(1, 2, 3, padding=2)" in words(explain(nn.ConvTranspose1d(1, 2, 3), (1, 4)))
    strided = nn.ConvTranspose1d(1, 2, 3, stride=2)
    with pytest.raises(InputError, match="give its dense form"):
        explain(strided, (1, 4))
    dense = convert(strided, "dense", (1, 4))
    assert "nn.Linear(4, 18)" in words(explain(dense, (1, 4), (2, 9)))


def test_too_large_to_draw():
    with pytest.raises(InputError, match="up to 64 inputs and outputs"):
        _ = explain(nn.Conv2d(8, 8, 3, padding=1), input=(8, 5, 5)).svg
    with pytest.raises(InputError, match="up to 2 axes"):
        explain(nn.Conv3d(1, 1, 1), input=(1, 2, 2, 2))
