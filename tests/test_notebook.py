"""What objects say, as text and in a notebook: short, true, and whatever names hold is text."""

import math
from html.parser import HTMLParser

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import onebyone as ob
from onebyone.notebook import grid, shown, table
from onebyone.wording import percent

HOSTILE = '<img src=x onerror="alert(1)">&amp;'


class Reader(HTMLParser):
    """The elements of a page and its text; every element that is opened is closed, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def small() -> nn.Sequential:
    """A network that shares all: no padding, 6×6 windows."""
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 3)).eval()


def test_names_are_text_wherever_they_stand():
    page = shown(HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, table([HOSTILE], [[HOSTILE]]))
    read = Reader(page + grid([[(HOSTILE, 1), (HOSTILE, None)]]))
    assert read.words.count(HOSTILE) == 8
    assert {*read.elements} <= {"div", "table", "tr", "th", "td"}


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0%"), (0.000123, "0.012%"), (0.054, "5.4%"), (0.0996, "10%"), (0.5, "50%"), (1, "100%")],
)
def test_percent(share, said):
    assert percent(share) == said


def test_a_verdict_is_a_sentence():
    conv, wide = nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 3, padding=1, bias=False)
    wide.weight.data.zero_()
    wide.weight.data[0, 0, 1, 2], conv.weight.data[:] = 2.0, 0.0
    found = ob.equal(conv, wide, input=(1, 1, 2))
    said = "not equal: output (0, 0, 0) reads input (0, 0, 1); a 1×1 convolution cannot; distance 2"
    assert (repr(found), str(found)) == (said, said)
    assert said in Reader(found._repr_html_()).words
    assert repr(ob.equal(conv, conv, input=(1, 1, 2))).startswith("equal for every input (")


def test_a_verdict_on_outputs_of_another_size_has_no_distance():
    found = ob.equal(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 2), input=(1, 2, 2))
    assert math.isinf(found.distance)
    assert "inf" not in repr(found) + found._repr_html_()


def test_a_verdict_within_a_tolerance_says_how_far():
    conv, other = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
    found = ob.equal(conv, other, input=(1, 1, 1), tol=10.0)
    assert repr(found).startswith("equal within tol=10")
    assert "distance" in Reader(found._repr_html_()).words


def test_a_matrix_counts_connections_and_weights_and_shows_small_ones():
    m = ob.matrix(nn.Conv2d(2, 1, 1), input=(2, 2, 2))
    assert repr(m) == (
        "4×8 matrix of a 1×1 convolution, (2, 2, 2) → (1, 2, 2): 8 connections, 2 weights"
    )
    read = Reader(m._repr_html_())
    assert (read.elements.count("tr"), read.elements.count("td")) == (4, 32)
    assert read.words.count("·") == 24
    last = ob.matrix(nn.Conv2d(2, 1, 1), input=(2, 2, 2), order="channels_last")
    assert repr(last).endswith("channels last")


def test_equal_weights_have_one_colour_and_others_another():
    conv = nn.Conv2d(2, 1, 1)
    conv.weight.data[:] = 1.0  # the same value, yet two weights
    page = ob.matrix(conv, input=(2, 1, 2))._repr_html_()
    cells = [cell.split("background:")[1].split('"')[0] for cell in page.split("<td ")[1:]]
    first, second = cells[0], cells[2]
    assert first != second
    assert [cells[5], cells[7]] == [first, second]


def test_a_large_matrix_and_one_of_nan_print_at_once():
    layer = nn.Conv2d(3, 64, 3)
    m = ob.matrix(layer, input=(3, 999_999, 999_999))
    assert "connections" in repr(m)
    assert "table" not in Reader(m._repr_html_()).elements
    layer = nn.Conv2d(1, 1, 1)
    layer.weight.data[:] = torch.nan
    assert "nan" in Reader(ob.matrix(layer, input=(1, 1, 2))._repr_html_()).words


def test_nearest_identification_and_comparison():
    dense = nn.Linear(4, 4, bias=False)
    dense.weight.data = torch.eye(4) * 3
    dense.weight.data[0, 3] = 4.0
    near = ob.nearest(dense, "pointwise", (1, 2, 2), (1, 2, 2))
    assert repr(near).startswith("Conv2d(1, 1, kernel_size=(1, 1)")
    share = percent(4 / math.sqrt(4 * 9 + 16))
    assert repr(near).endswith(f", at distance 4: {share} of the given layer's norm")
    same = ob.nearest(nn.Conv2d(1, 1, 1), "pointwise", (1, 2, 2))
    assert repr(same).endswith(", equal to the layer given")
    found = ob.identify(nn.Conv2d(1, 2, 2, stride=2), (1, 4, 4))
    assert repr(found) == "a 2×2 convolution, stride 2, 8 of 128 weights, exactly"
    times = ob.compare(nn.Conv2d(2, 3, 1), input=(2, 4, 4))
    assert repr(times).startswith("a 1×1 convolution, (2, 4, 4) → (3, 4, 4), batch 1, cpu: take ")
    for each in (near, same, found, times):
        assert type(each).__name__ in Reader(each._repr_html_()).words
    assert Reader(times._repr_html_()).elements.count("tr") == len(times.rows) + 1


def test_a_rewrite_says_what_was_written_and_escapes_its_layers(tmp_path):
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 3))
    found = ob.rewrite(model, to="linear")
    assert repr(found).startswith("Sequential: 1 of 2 layers rewritten to linear")
    assert "numbers: equal" in repr(found)
    weights = [onnx.numpy_helper.from_array(np.ones((3, 4), np.float32), "w")]
    ends = [onnx.helper.make_tensor_value_info(name, 1, (2, n)) for name, n in (("x", 3), ("y", 4))]
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"], name=HOSTILE)
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:], weights)
    path = tmp_path / "<b>.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)]), path)
    looked = ob.rewrite(path, to="convolution")
    assert repr(looked).startswith("not written: 1 of 1 layers")
    assert HOSTILE in Reader(looked._repr_html_()).words
    written = ob.rewrite(path, to="convolution", out=tmp_path / "<i>.onnx")
    assert repr(written).startswith(str(tmp_path / "<i>.onnx"))
    assert "i" not in Reader(written._repr_html_()).elements
    same = ob.equal(path, path)
    assert "structure" in Reader(same._repr_html_()).words
    assert repr(same) == str(same)


def test_a_sliding_model_says_what_windows_share():
    sliding = ob.slide(small(), window=(1, 6, 6), stride=1, costs=ob.Costs(1, 0))
    settings, said = repr(sliding).split("\n")
    assert settings == (
        "SlidingModel(window=(1, 6, 6), stride=(1, 1), padding='crop', backend='torch')"
    )
    # At stride 1, of each window one position of 16 is new: 2·9·2 operations, and 2·32·3.
    left = (2 * 9 * 2 + 2 * 32 * 3) / (16 * 2 * 9 * 2 + 2 * 32 * 3)
    large = sliding.report(261, 261)  # 256 windows along each axis
    assert large.here / large.crops == pytest.approx(left, rel=0.03)
    share = percent(large.here / large.crops)
    assert said == (
        f"Sequential at every window; in large images they share all but {share} of its operations"
    )
    assert said in Reader(sliding._repr_html_()).words
    assert str(sliding.within(10**6)) == str(sliding)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Flatten(), "it has no operations to share"),
        (nn.Sequential(nn.Flatten(), nn.Linear(36, 2)), "they share none of its operations"),
    ],
)
def test_what_shares_nothing_says_so(model, said):
    sliding = ob.slide(model.eval(), window=(1, 6, 6), stride=6)
    assert repr(sliding).endswith(said)


def test_scans_and_maps_say_what_they_hold(tmp_path):
    image = np.zeros((1, 14, 14), np.float32)
    sliding = ob.slide(small(), window=(1, 6, 6), stride=4)
    path = tmp_path / "<b>.zarr"
    run = ob.scan(image, sliding, path, classes=["a", HOSTILE, "c"])
    assert repr(run).startswith(f"{path}: 9 windows in ")
    found = run.open()
    assert repr(found).split("\n") == [
        f"{path}: scores of 3 classes at 3×3 windows",
        "of 6×6 pixels, one every 4×4, of ndarray (1, 14, 14) float32",
    ]
    read = Reader(found._repr_html_())
    assert f"a, {HOSTILE}, c" in read.words
    assert "b" not in read.elements
    assert "b" not in Reader(run._repr_html_()).elements
    for values, said in (("margin", "the margin of the best class"), ("top:2", "the best 2")):
        again = ob.scan(image, sliding, tmp_path / "again.zarr", values=values, overwrite=True)
        assert said in repr(again.open())


def test_the_fully_convolutional_network_says_its_window():
    network = ob.convolutionalize(small(), window=(1, 6, 6))
    assert "window=(1, 6, 6), stride=(1, 1)" in repr(network)


def test_a_plan_prints_its_schedule():
    plan = ob.slide(small(), window=(1, 6, 6), stride=1).plan(20, 20)
    assert repr(plan).startswith("15×15 windows on 20×20")
