"""The page's link, keyboard and controls; large layers and small screens; the file itself."""

import json
import re
import time

import numpy as np
import pytest
import torch
from torch import nn

from helpers.picture import GRID, LIT, READ_CELLS, example, show
from onebyone.errors import InputError
from onebyone.figures import explain


def test_the_link_holds_the_view_and_back_undoes(visit, browser):
    page = visit(example(), GRID)
    page.locator("#forms [data-form=local]").click()
    page.locator("#controls [name=w]").fill("3")
    page.locator("#controls [name=w]").press("Enter")
    page.locator("#matrix .cell[data-key='c1,1']").click()
    page.locator("#details input").fill("0.125")
    page.locator("#details input").press("Enter")
    page.locator("nav [value=values]").check()
    link, seen = page.url, page.locator("main").inner_text()
    other = browser.new_page(viewport={"width": 1280, "height": 900})
    other.goto(link)
    assert other.locator("main").inner_text() == seen
    other.close()
    for _ in range(3):
        page.go_back()
    page.wait_for_function("document.querySelector('#size').textContent === '6×12'")
    page.wait_for_function("!document.querySelector('#controls').elements.bias.checked")
    assert "edits" not in page.url
    page.go_back()
    page.wait_for_function("document.querySelector('#size').textContent === '4×8'")
    for _ in range(4):
        page.go_forward()
    page.wait_for_function("document.body.dataset.colour === 'values'")
    assert (page.url, page.locator("main").inner_text()) == (link, seen)


BAD = {
    "c=3&g=2": "does not divide",
    "k=9x9": "larger than the padded input",
    "colour=red": "does not know",
    "edits=s0:red": "is no value",
    "c=1.5": "whole numbers",
    "%": "damaged",
    "w=1000000000": "up to 1,048,576 inputs, outputs or weights; these are 4,000,000,000 inputs",
    "p=1000000000x1000000000": "outputs",
    "h=1e308": "up to 1,048,576",
    "h=1e400": "whole numbers",
    "o=4000000": "outputs",
    "m=9999999x2": "weights of the 1×1 convolutions",
    "c=4096&g=1&o=4096&h=1&w=1": "16,777,216 weights",
    "w=NaN": "whole numbers",
    "k=": "two sizes",
    "k=1x1x1": "two sizes",
    "s=0x0": "whole numbers",
    "dim=7": "1 or 2 axes",
    "dim=1e9": "1 or 2 axes",
    "bias=7": "0 or 1",
    "relu=x": "0 or 1",
    "pin=o999999999999": "which this layer has not",
    "pin=u99999": "which this layer has not",
    "pin=z4444": "which this layer has not",
    "pin=c0,99": "which this layer has not",
    "pin=<img src=x onerror=alert(1)>": "does not know",
    "constructor=1": "does not know",
    "__proto__=1": "does not know",
    "most=9e15": "does not know",
    "edits=__proto__:1": "is no value",
    "<script>alert(1)</script>": "does not know",
    "edits=<svg onload=alert(1)>:1": "is no value",
    "x" * 100_000: "x…”",
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad[:20])
def test_a_link_that_is_of_no_layer_is_said_and_the_start_is_shown(visit, bad):
    page = visit(example(), GRID)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    show(page, bad)
    said = page.locator("#notice").inner_text()
    assert BAD[bad] in said
    assert said.endswith("Shown is the starting view.")
    assert len(said) < 200
    assert page.locator("#notice *").count() == 0
    assert page.locator("#size").inner_text() == "4×8"


@pytest.mark.parametrize(
    "fragment",
    ["pin=", "h=2&h=2", "edits=s0.0.0.0:1e308;x0.0.0:1e308;s0.1.0.0:-1e308;x1.0.0:1e308",
     "edits=s9.9.9.9:1", "edits=", "mlp=1&pin=h3", "p=0x-0", "pin=u1&relu=0", "form=dense&pin=w31"],
)  # fmt: skip
def test_odd_links_of_a_layer_are_shown(visit, fragment):
    page = visit(example(), GRID, fragment=f"#{fragment}")
    assert page.locator("#notice").inner_text() == ""
    assert page.locator("#size").inner_text() == "4×8"


def test_a_pin_that_a_smaller_layer_has_not_is_let_go(visit):
    page = visit(example(), GRID, fragment="#pin=o3")
    page.locator("#controls [name=w]").fill("1")
    page.locator("#controls [name=w]").press("Tab")
    assert page.locator("#size").inner_text() == "2×4"
    assert page.locator(".pin").count() == 0


def test_sizes_that_the_page_cannot_show_are_refused_in_a_line(visit):
    page = visit(example(), GRID)
    for name, value in (("w", "1000000000"), ("p0", "99999999"), ("o", "1e9"), ("c", "9" * 30)):
        field = page.locator(f"#controls [name={name}]")
        before = field.input_value()
        field.fill(value)
        field.press("Tab")
        assert "This page shows up to 1,048,576" in page.locator("#trouble").inner_text()
        assert page.locator("#size").inner_text() == "4×8"
        field.fill(before)
        field.press("Tab")
        assert page.locator("#trouble").inner_text() == ""
    page.locator("#mlp").check()
    page.locator("#m0").fill("99999999")
    page.locator("#m0").press("Tab")
    assert "This page shows up to" in page.locator("#notice").inner_text()
    assert page.locator("#m0").input_value() == "2"


def test_the_layer_that_a_page_was_made_for_is_never_too_large(visit):
    page = visit(nn.Conv2d(3, 2, 3), (3, 1100, 1100))
    assert page.locator("#notice").inner_text() == ""
    page.locator("#controls [name=w]").fill("1101")
    page.locator("#controls [name=w]").press("Tab")
    assert "up to 3,630,000" in page.locator("#trouble").inner_text()


def test_a_zero_has_no_sign(visit):
    conv = nn.Conv2d(2, 1, 1)
    conv.weight.data = torch.tensor([-0.001, -0.0]).reshape(1, 2, 1, 1)
    torch.nn.init.constant_(conv.bias, -1e-30)
    page = visit(conv, GRID)
    for fragment in (
        "",
        "colour=values",
        "back=1",
        "form=dense",
        "mlp=1",
        "edits=x0.0.0:0;x1.0.0:0",
    ):
        show(page, fragment or "pin=")
        shown = page.locator("main").inner_text() + page.locator("main").text_content()
        assert not re.search(r"[-−]0(\.0*)?(?![\d.])", shown)
    assert "0.00" in page.locator("#matrix").text_content()


def test_controls_refuse_what_is_no_layer(visit):
    page = visit(example(), GRID)
    page.locator("#controls [name=g]").fill("2")
    page.locator("#controls [name=g]").press("Tab")
    assert "Groups must divide" in page.locator("#trouble").inner_text()
    assert page.locator("#size").inner_text() == "4×8"
    page.locator("#controls [name=o]").fill("2")
    page.locator("#controls [name=o]").press("Tab")
    assert page.locator("#trouble").inner_text() == ""
    assert page.locator("#size").inner_text() == "8×8"
    page.locator("#controls [name=dim]").select_option("1")
    assert page.locator("#size").inner_text() == "4×4"
    assert page.locator("#forms b").first.inner_text() == "Length-1 convolution"
    assert page.locator("#position").inner_text() == "output (0, 0)"


def test_the_keyboard_reaches_everything(visit):
    page = visit(example(), GRID)
    page.locator("#sheets .cell[data-key=i0]").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):  # the last one enters the next channel
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.key") == "i4"
    assert page.evaluate(LIT) == ["c0,4", "i4", "o0", "w1"]
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.key") == "i4"  # the focus stays
    assert page.locator("#details").inner_text().startswith("x(1, 0, 0) = ")
    page.keyboard.press("Escape")
    assert page.locator(".pinned").count() == 0
    page.locator("#matrix .cell[data-key='c0,0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.key") == "c1,1"
    page.locator("#forms [aria-checked=true]").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.form") == "local"
    page.locator("#next").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.locator("#position").inner_text() == "output (0, 0, 1)"
    page.locator("#step").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#details").inner_text().startswith("y(0, 1, 0) = ")


def test_a_large_layer_opens_at_once_and_shows_a_window_of_its_matrix(visit):
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 64, 3, padding=1)
    began = time.monotonic()
    page = visit(conv, (64, 56, 56))
    assert time.monotonic() - began < 8  # generous: about one second, of the two that it may take
    assert page.locator("#size").inner_text() == "200,704×200,704"
    assert "rows 0–23 of 200,704, columns 0–31" in page.locator("#matrix-note").inner_text()
    row = 5 * 56 * 56 + 30 * 56 + 30
    show(page, f"pin=o{row}")
    taps = {(r, c): v for r, c, v, _ in page.evaluate(READ_CELLS)}
    first = 29 * 56 + 29
    np.testing.assert_allclose(
        [taps[row, first + b] for b in range(3)], conv.weight[5, 0, 0].detach(), atol=1e-7
    )
    assert page.locator("#sheets .wire").count() >= 9


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_in_its_width(visit, scheme, tmp_path):
    size = {"width": 390, "height": 844}
    page = visit(
        nn.Conv2d(2, 2, 3, padding=1), (2, 5, 4), viewport=size, has_touch=True, color_scheme=scheme
    )
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("#sheets .cell[data-key=o7]").tap()
    assert page.locator("#details").inner_text().startswith("y(0, 1, 3) = ")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(ground[4:].split(",")[0]) > 128) == (scheme == "light")


def test_colours_are_those_of_the_palette(visit):
    from onebyone.figures.palette import ink_on, place_color, weight_color

    page = visit(example(), GRID)
    found = page.evaluate(
        """async () => {
        const { weightColor, placeColor, inkOn } = await import("onebyone/color");
        const colours = (i) => [weightColor(i), placeColor(i), inkOn(weightColor(i))];
        return [...Array(40).keys()].map(colours); }"""
    )
    assert found == [[weight_color(i), place_color(i), ink_on(weight_color(i))] for i in range(40)]


def test_a_notebook_shows_the_page_in_a_frame(visit, tmp_path):
    figure = explain(example(), GRID)
    (tmp_path / "notebook.html").write_text(f"<!doctype html>{figure._repr_html_()}")
    page = visit(example(), GRID)
    page.goto((tmp_path / "notebook.html").as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("#forms [data-form=local]").click()
    assert frame.locator("#stored .chip").count() == 8
    assert explain(nn.Conv2d(2, 2, 3), (2, 9, 9))._repr_svg_() is None


def test_shape_of_dense_layers_and_padding_on_one_side(tmp_path):
    def shape(layer, input, output=None):
        text = explain(layer, input, output).html
        return json.loads(text.split('type="application/json">')[1].split("</script>")[0])["shape"]

    assert shape(nn.Linear(8, 3), (2, 2, 2))["k"] == [2, 2]
    assert shape(nn.Linear(8, 3), (8,))["k"] == [1, 1]
    wider = shape(nn.Linear(4, 10), (2, 2), (2, 5))
    assert (wider["dim"], wider["k"], wider["p"]) == (1, [1, 2], [0, 2])
    same = shape(nn.Conv2d(1, 1, (2, 3), padding="same"), (1, 4, 4))
    assert (same["p"], same["e"]) == ([0, 1], [1, 0])


def test_too_many_weights_or_none_that_are_finite():
    with pytest.raises(InputError, match="up to 1,000,000 weights"):
        _ = explain(nn.Linear(1100, 1000), (1100,)).html
    broken = example()
    broken.weight.data[0, 0] = torch.nan
    with pytest.raises(InputError, match="NaN"):
        _ = explain(broken, GRID).html
