"""The mlpconv view: its numbers are PyTorch's, it folds without ReLUs, and it is linked."""

import time
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from helpers.picture import GRID, LIT, example, run_code, show
from onebyone import nin
from onebyone.errors import InputError
from onebyone.figures import explain
from onebyone.figures.mlpconv import as_mlpconv
from onebyone.layers import fold

SMALL = "c=2&o=3&h=3&w=4&k=3x2&s=1x2&p=1x0&bias=1&m=4x2"
SHAPES = [
    "m=3x2",
    SMALL,
    SMALL + "&g=1&d=1x2",
    "c=4&o=2&g=2&h=2&w=3&m=2x5",
    "dim=1&c=2&o=2&h=1&w=5&k=1x3&p=0x1&m=2x3",
]
READ_FOLDED = """() => [...document.querySelectorAll("#folded .chip")].map(c => +c.dataset.value)"""
READ_NODES = """() => Object.fromEntries([...document.querySelectorAll("#network .node")].map(
    node => [node.dataset.key, +node.dataset.value]))"""
READ_UNITS = """async (channels) => {
    const [{ View }, { startOf, fromFragment }, { prepare }] = await Promise.all(
        ["view", "state", "values"].map((name) => import(`onebyone/${name}`)));
    const given = prepare(JSON.parse(document.getElementById("layer").textContent));
    const view = new View(fromFragment(location.hash.slice(1), startOf(given)), given);
    const count = (n) => [...Array(n).keys()];
    const { geo, values, mlpconv } = view;
    return { inputs: count(geo.columns).map((n) => values.input(n)),
        units: count(channels * geo.places).map((n) => mlpconv.unit(2, n)),
        bends: count(geo.places).map((n) => mlpconv.bend(n)) }; }"""


def network(names, relu: bool) -> nn.Module:
    """The mlpconv that the code on the page defines, as one module of [C, *space]."""
    layer = names["layer"]
    bend = nn.ReLU() if relu else nn.Identity()
    if isinstance(layer, nn.Linear):
        grid = names["y"].shape
        layer = nn.Sequential(nn.Flatten(0), layer, nn.Unflatten(0, tuple(grid)))
    return nn.Sequential(layer, bend, names["second"], bend, names["third"], bend)


def test_its_units_are_what_pytorch_computes(visit):
    page = visit(example(), GRID)
    for shape, relu, form in product(SHAPES, (1, 0), ("shared", "local", "dense")):
        show(page, f"{shape}&mlp=1&relu={relu}&form={form}")
        names = run_code(page)
        z = network(names, bool(relu))(names["x"]).detach()
        np.testing.assert_allclose(names["z"].detach(), z, atol=1e-5)
        nodes = page.evaluate(READ_NODES)
        shown = [nodes[f"z{c * z[0].numel()}"] for c in range(len(z))]
        np.testing.assert_allclose(shown, z.flatten(1)[:, 0], atol=1e-5)
        units = page.evaluate(READ_UNITS, len(z))["units"]
        np.testing.assert_allclose(units, z.flatten(), atol=1e-5)


def test_without_its_relus_it_folds_into_one_convolution(visit):
    page = visit(example(), GRID)
    for shape in SHAPES:
        show(page, f"{shape}&mlp=1&relu=0")
        assert "Without the ReLUs it is one" in page.locator("#more").inner_text()
        names = run_code(page)
        folded = fold(fold(names["layer"], names["second"]), names["third"])
        expected = whole_kernel(folded).flatten()[:64]
        np.testing.assert_allclose(page.evaluate(READ_FOLDED), expected, atol=1e-6)
        np.testing.assert_allclose(
            folded(names["x"]).detach(), names["z"].detach(), atol=1e-4, rtol=1e-5
        )
    page.locator("#relu").check()
    assert page.locator("#folded").is_hidden()


def whole_kernel(layer: nn.Module) -> torch.Tensor:
    """A convolution's weights for all input channels, zeros where groups keep it from reading."""
    weight, groups = layer.weight.detach(), layer.groups
    whole = torch.zeros(len(weight), groups, *weight.shape[1:])
    for o, kernel in enumerate(weight):
        whole[o, o * groups // len(weight)] = kernel
    return whole


def test_with_its_relus_no_layer_gives_what_it_gives(visit):
    page = visit(example(), GRID, fragment=f"#{SMALL}&mlp=1")
    names = run_code(page)
    model, x = network(names, relu=True), names["x"]
    bend = (model(x) + model(-x) - 2 * model(torch.zeros_like(x))).detach().flatten(1)
    bends = page.evaluate(READ_UNITS, len(bend))["bends"]
    assert [b["value"] for b in bends] == pytest.approx(
        [float(bend[b["unit"] // bend.shape[1], b["unit"] % bend.shape[1]]) for b in bends],
        abs=1e-5,
    )
    assert [abs(b["value"]) for b in bends] == pytest.approx(bend.abs().amax(0).tolist(), abs=1e-5)
    assert bend.any()
    words = page.locator("#more").inner_text()
    assert "more than one 3×2 convolution" in words
    assert "f(x) + f(−x) − 2·f(0) = " in words


def test_what_belongs_together_lights_up_in_all_views(visit):
    page = visit(example(), GRID)
    assert page.locator("#mlpconv").is_hidden()
    page.locator("#mlp").check()
    page.locator("#network .node[data-key=h0]").hover()
    assert page.evaluate(LIT) == sorted(
        ["c0,0", "c0,4", "h0", "i0", "i4", "o0", "u0", "v0", "v2", "w0", "w1", "z0", "z4"]
    )
    assert page.locator("#tip").inner_text().startswith("h(0, 0, 0) = ReLU(")
    page.locator("#sheets .cell[data-key=o2]").hover()
    assert {"h2", "h6", "z2", "z6", "o2"} < set(page.evaluate(LIT))
    page.locator("#mixing .chip[data-key=v1]").hover()
    assert page.evaluate(LIT) == sorted([f"{k}{n}" for n in range(4) for k in ("z",)]
                                        + [f"h{n}" for n in range(4, 8)] + ["v1"])  # fmt: skip
    page.locator("#mixing .chip[data-key=u1]").hover()
    assert page.evaluate(LIT) == sorted(
        [f"o{n}" for n in range(4)] + [f"h{n}" for n in range(4, 8)] + ["u1"]
    )


def test_link_keyboard_and_edits(visit, browser):
    page = visit(example(), GRID, fragment="#mlp=1&m=3x2")
    page.locator("#network .node[data-key=h0]").focus()
    page.keyboard.press("ArrowRight")  # another location: the network moves there
    assert page.evaluate("document.activeElement.dataset.key") == "h1"
    assert page.locator("#details").inner_text().startswith("h(0, 0, 1) = ReLU(")
    page.locator("#mixing .chip[data-key=v0]").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.key") == "v3"
    page.keyboard.press("Enter")
    page.locator("#details input").fill("1.5")
    page.locator("#details input").press("Enter")
    assert run_code(page)["third"].weight[1, 0].item() == 1.5
    page.locator("#m0").fill("4")
    page.locator("#m0").press("Enter")
    assert page.locator("#mixing .chip").count() == 4 + 8
    page.locator("#relu").uncheck()
    link, seen = page.url, page.locator("main").inner_text()
    other = browser.new_page(viewport={"width": 1280, "height": 900})
    other.goto(link)
    assert other.locator("main").inner_text() == seen
    other.close()
    page.go_back()
    page.wait_for_function("document.getElementById('relu').checked")
    page.locator("#m0").fill("0")
    page.locator("#m0").press("Tab")
    assert page.locator("#m0").input_value() == "4"
    page.locator("#mlp").uncheck()
    assert page.locator("#mlpconv").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_in_its_width(visit, scheme):
    size = {"width": 390, "height": 844}
    fragment = f"#{SMALL}&mlp=1"
    page = visit(
        example(), GRID, fragment=fragment, viewport=size, has_touch=True, color_scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    box = page.locator("#network")
    assert box.evaluate("box => box.scrollWidth - box.clientWidth") <= 1
    page.locator("#network .node[data-key^=z]").first.tap()
    assert page.locator("#details").inner_text().startswith("z(0, ")


def test_a_trained_mlpconv_opens_with_its_weights(visit):
    block = nin.load("nin-digits").features[6]
    page = visit(block, (48, 3, 3))
    assert page.locator("#mlp").is_checked()
    found = page.evaluate(READ_UNITS, 11)
    x = torch.tensor(found["inputs"], dtype=torch.float32).reshape(48, 3, 3)
    np.testing.assert_allclose(found["units"], block(x).detach().flatten(), rtol=1e-4, atol=1e-4)
    assert "y 0–5 of 128" in page.locator("#network-note").inner_text()


@pytest.mark.parametrize(
    "fragment", ["form=dense&m=8x8&pin=h0", "form=local&m=512x512&relu=0&pin=z5"]
)
def test_after_a_large_layer_it_opens_as_fast(visit, fragment):
    began = time.monotonic()
    page = visit(nn.Conv2d(64, 64, 3, padding=1), (64, 56, 56), fragment=f"#mlp=1&{fragment}")
    assert time.monotonic() - began < 12  # generous: about one second
    place = int(fragment.split("pin=")[1].split("&")[0][1:])
    assert page.locator(f"#sheets .cell.pinned[data-key=o{place}]").count() == 1
    assert page.locator("#network .wire").count() == 2 * 6 * 6


def test_what_is_an_mlpconv():
    conv, one, relu = nn.Conv1d(2, 3, 3, padding=1), nn.Conv1d(3, 3, 1), nn.ReLU()
    block = nn.Sequential(conv, relu, nn.Sequential(one, relu), one, relu)
    assert as_mlpconv(block) == (conv, (one, one))
    for other in (
        conv,
        nn.Sequential(conv, relu, one, relu),
        nn.Sequential(conv, relu, one, relu, conv, relu),
        nn.Sequential(conv, relu, one, nn.Tanh(), one, relu),
        nn.Sequential(conv, relu, one, relu, nn.Conv1d(3, 3, 1, padding=1), relu),
    ):
        assert as_mlpconv(other) is None
    figure = explain(block, (2, 4))
    with pytest.raises(InputError, match=r"save an \.html"):
        _ = figure.svg
