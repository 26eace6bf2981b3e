"""The interactive picture in a real browser: its links, its numbers against PyTorch, its URL."""

import json
import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from onebyone.errors import InputError
from onebyone.figures import explain
from onebyone.layers import LocallyConnected, convert, matrix, nearest

CHROMIUM = Path("/usr/bin/chromium")
EXAMPLE, GRID = (0.8, -0.5), (2, 2, 2)
SETTINGS = 48
FORMS = {"shared": "convolution", "local": "local", "dense": "dense"}

READ_CELLS = """() => [...document.querySelectorAll("#matrix .cell[data-weight]")].map(cell => [
    ...cell.dataset.key.slice(1).split(",").map(Number), Number(cell.dataset.value),
    Number(cell.dataset.weight)])"""
READ_OUTPUTS = """() => [...document.querySelectorAll("#sheets .cell[data-key^=o]")].map(
    cell => Number(cell.dataset.value))"""
READ_INPUTS = READ_OUTPUTS.replace("^=o", "^=i")
LIT = (
    """() => [...new Set([...document.querySelectorAll(".lit")].map(e => e.dataset.key))].sort()"""
)


VISIBLE_POINT = """selector => {  // a point on a curve that nothing else covers
    const path = document.querySelector(selector), length = path.getTotalLength();
    for (let share = 0; share < 1; share += 0.05) {
        const at = path.getPointAtLength(share * length).matrixTransform(path.getScreenCTM());
        if (document.elementFromPoint(at.x, at.y) === path) return [at.x, at.y];
    } }"""


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists() and shutil.which("chromium") is None:
        reason = "no chromium: apt install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        path = str(CHROMIUM) if CHROMIUM.exists() else shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, tmp_path):
    """Open the page of a layer; at the end there must have been no error and no request."""
    troubles, pages = [], []

    def note(trouble, text):
        if trouble:
            troubles.append(text)

    def visit(layer, input, output=None, fragment="", **options):
        path = tmp_path / f"{len(pages)}.html"
        explain(layer, input, output).save(path)
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}} | options)
        pages.append(page)
        page.on("console", lambda message: note(message.type == "error", message.text))
        page.on("pageerror", lambda error: note(True, str(error)))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda asked: note(not asked.url.startswith(local), asked.url[:80]))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]")
        return page

    yield visit
    for page in pages:
        page.close()
    assert troubles == []


def example() -> nn.Conv2d:
    conv = nn.Conv2d(2, 1, 1, bias=False)
    conv.weight = nn.Parameter(torch.tensor(EXAMPLE).reshape(1, 2, 1, 1))
    return conv


def show(page, fragment: str) -> None:
    page.evaluate(
        "text => new Promise(done => { addEventListener('hashchange', done, {once: true});"
        "location.hash = text; })",
        fragment,
    )


def shown_matrix(page, shape):
    """The matrix on the page, and the index of the weight behind each entry, −1 for none."""
    values, weights = np.zeros(shape), np.full(shape, -1)
    for row, column, value, weight in page.evaluate(READ_CELLS):
        values[row, column], weights[row, column] = value, weight
    return values, weights


def sharing(m):
    table = np.full(m.shape, -1)
    rows = np.repeat(np.arange(m.shape[0]), np.diff(m.entries.indptr))
    table[rows, m.entries.indices] = m.sharing
    return table


# ------------------------------------------------------------------ the four views


def test_hovering_an_output_lights_what_belongs_to_it_in_all_four_views(visit):
    page = visit(example(), GRID)
    page.locator("#sheets .cell[data-key=o1]").hover()
    assert page.evaluate(LIT) == ["c1,1", "c1,5", "i1", "i5", "o1", "w0", "w1"]
    for view in ("#sheets .cell", "#sheets .wire", "#matrix .cell", "#stored .chip", "#code span"):
        assert page.locator(f"{view}.lit").count() > 0, view
    assert page.locator("#tip").inner_text().startswith("y(0, 0, 1) = ")
    page.locator("h1").hover()
    assert page.evaluate(LIT) == []


@pytest.mark.parametrize(
    ("hovered", "lit"),
    [
        ("#sheets .cell[data-key=i6]", ["c2,6", "i6", "o2", "w1"]),
        ("#sheets .hit[data-key='c3,3']", ["c3,3", "i3", "o3", "w0"]),
        ("#matrix .cell[data-key='c2,6']", ["c2,6", "i6", "o2", "w1"]),
        ("#matrix .cell[data-key='c0,1']", ["c0,1", "i1", "o0"]),
        (
            "#stored .chip[data-key=w1]",
            sorted(["w1", *(f"c{n},{n + 4}" for n in range(4))]
                   + [f"i{n + 4}" for n in range(4)] + [f"o{n}" for n in range(4)]),
        ),
    ],
)  # fmt: skip
def test_hovering_anything_lights_what_belongs_to_it(visit, hovered, lit):
    page = visit(example(), GRID)
    if ".hit" in hovered:
        page.mouse.move(*page.evaluate(VISIBLE_POINT, hovered))
    else:
        page.locator(hovered).hover()
    assert page.evaluate(LIT) == lit


def test_clicking_pins_and_writes_the_formula_with_its_numbers(visit):
    page = visit(example(), GRID)
    page.locator("#matrix [data-key=o2]").click()
    x = page.evaluate(READ_INPUTS)
    y = EXAMPLE[0] * x[2] + EXAMPLE[1] * x[6]
    words = page.locator("#details").inner_text().replace("−", "-")
    assert words.startswith(f"y(0, 1, 0) = Σ W · x = {y:g}")
    assert f"0.8 · {f'({x[2]:g})' if x[2] < 0 else f'{x[2]:g}'}" in words
    page.locator("#sheets .cell[data-key=i3]").click()
    assert page.locator("#details").inner_text().startswith("x(0, 1, 1) = ")
    assert page.locator("#sheets .cell.pin").count() == 1


def test_switching_forms_says_what_each_stores(visit):
    page = visit(example(), GRID)
    names = page.locator("#forms b").all_inner_texts()
    assert names == ["1×1 convolution", "Four fully connected layers", "One fully connected layer"]
    counts = page.locator("#forms .count").all_inner_texts()
    assert counts == ["2 weights", "8 weights", "32 weights"]
    assert "M = W ⊗ I (S2)" in page.locator("#statement").inner_text()
    for form, wires, chips in (("shared", 8, 2), ("local", 8, 8), ("dense", 32, 32)):
        page.locator(f"#forms [data-form={form}]").click()
        assert page.locator("#sheets .wire").count() == wires
        assert page.locator("#stored .chip").count() == chips
        np.testing.assert_allclose(
            shown_matrix(page, (4, 8))[0], matrix(example(), GRID).toarray(), atol=1e-7
        )


# ------------------------------------------------------------------ the numbers


def draw_setting(rng: random.Random) -> dict:
    """A random shape whose matrix fits the page's window, so that all of it can be compared."""
    while True:
        groups = rng.choice([1, 1, 1, 2])
        dim = rng.choice([1, 2, 2])
        pair = lambda *choices: [rng.choice(choices), rng.choice(choices)]  # noqa: E731 - local
        shape = {
            "dim": dim, "c": groups * rng.randint(1, 2), "o": groups * rng.randint(1, 2),
            "h": rng.randint(1, 4), "w": rng.randint(1, 6), "g": groups,
            "k": pair(1, 1, 2, 3), "s": pair(1, 1, 2), "p": pair(0, 0, 1, 2), "d": pair(1, 1, 2),
            "bias": rng.randint(0, 1), "form": rng.choice(list(FORMS)),
        }  # fmt: skip
        grid = (shape["c"], *((shape["h"],) if dim == 2 else ()), shape["w"])
        try:
            m = matrix(module(shape), grid)
        except (InputError, RuntimeError):
            continue
        if m.shape[0] <= 24 and m.shape[1] <= 32:
            return shape | {"grid": grid}


def module(shape: dict) -> nn.Module:
    kind = nn.Conv1d if shape["dim"] == 1 else nn.Conv2d
    sizes = [tuple(shape[name][2 - shape["dim"] :]) for name in "kspd"]
    return kind(
        shape["c"], shape["o"], *sizes, groups=shape["g"], bias=bool(shape["bias"])
    ).double()


def fragment(shape: dict, layer: nn.Module) -> str:
    """The link to a layer: its shape, and every weight and bias as an edit."""
    weight = layer.weight.detach().reshape(shape["o"], shape["c"] // shape["g"], -1, shape["k"][1])
    if shape["dim"] == 1:
        weight = weight.reshape(shape["o"], -1, 1, shape["k"][1])
    edits = [f"s{'.'.join(map(str, at))}:{v}" for at, v in np.ndenumerate(weight.numpy())]
    if shape["bias"]:
        edits += [f"b{o}:{v}" for o, v in enumerate(layer.bias.tolist())]
    names = ("dim", "c", "o", "h", "w", "g", "bias", "form")
    parts = [f"{name}={shape[name]}" for name in names]
    parts += [f"{name}={'x'.join(map(str, shape[name]))}" for name in "kspd"]
    return "&".join([*parts, "edits=" + ";".join(edits)])


def test_the_matrix_is_that_of_onebyone_for_drawn_settings(visit):
    page = visit(example(), GRID)
    rng = random.Random(3)
    torch.manual_seed(0)
    seen = set()
    for _ in range(SETTINGS):
        shape = draw_setting(rng)
        layer = module(shape)
        if shape["dim"] == 1:
            shape["k"][0] = 1
        show(page, fragment(shape, layer))
        m = matrix(layer, shape["grid"])
        form = matrix(
            convert(layer, FORMS[shape["form"]], shape["grid"]),
            shape["grid"],
            m.form.geometry.output,
        )
        values, weights = shown_matrix(page, m.shape)
        np.testing.assert_array_equal(values, m.toarray(), err_msg=str(shape))
        np.testing.assert_array_equal(weights, sharing(form), err_msg=str(shape))
        if not page.locator("#sheets-note").inner_text():
            x = torch.tensor(page.evaluate(READ_INPUTS), dtype=torch.float64).reshape(shape["grid"])
            np.testing.assert_allclose(
                page.evaluate(READ_OUTPUTS), layer(x).detach().flatten(), atol=1e-9
            )
            seen.add(shape["form"])
    assert seen == set(FORMS)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize(
    ("layer", "input", "output", "statement"),
    [
        (nn.Conv2d(1, 2, (2, 3), padding="same"), (1, 3, 4), None, "(S5)"),
        (nn.Linear(12, 3), (2, 2, 3), None, "(S3)"),
        (nn.Linear(5, 3), (5,), None, "(S1)"),
        (nn.Linear(2, 3), (2, 5), None, "(S2)"),
        (LocallyConnected((2, 6), 2, 3, stride=2, groups=2, bias=False), (2, 6), None, "(S7)"),
    ],
)
def test_every_kind_of_layer_can_be_given(visit, layer, input, output, statement):
    page = visit(layer, input, output)
    m = matrix(layer, input, output)
    np.testing.assert_allclose(shown_matrix(page, m.shape)[0], m.toarray(), atol=1e-7)
    assert statement in page.locator("#statement").inner_text()
    x = torch.tensor(page.evaluate(READ_INPUTS)).flatten().numpy()
    np.testing.assert_allclose(page.evaluate(READ_OUTPUTS), m @ x + m.bias, atol=1e-5)
    np.testing.assert_allclose(run_code(page)["y"].detach().flatten(), m @ x + m.bias, atol=1e-4)


def test_layers_that_are_no_convolution_and_how_far_the_nearest_one_is(visit):
    torch.manual_seed(1)
    dense, local = nn.Linear(8, 4), LocallyConnected((2, 3, 3), 2, 2)
    for layer, input, output in ((dense, GRID, (1, 2, 2)), (local, (2, 3, 3), None)):
        page = visit(layer, input, output)
        m = matrix(layer, input, output)
        np.testing.assert_allclose(shown_matrix(page, m.shape)[0], m.toarray(), atol=1e-7)
        kind = "pointwise" if layer is dense else "convolution"
        kernel = None if layer is dense else 2
        away = nearest(layer, kind, input, output, kernel)
        with_bias = page.evaluate(
            """async () => {
            const [{ Values, prepare }, { startOf }] = await Promise.all(
                [import("onebyone/values"), import("onebyone/state")]);
            const given = prepare(JSON.parse(document.getElementById("layer").textContent));
            return new Values(startOf(given), given).distance("shared"); }"""
        )
        bias = layer.bias.detach().reshape(
            -1 if layer is dense else 2, *([4] if layer is local else [])
        )
        mean = bias.mean(-1, keepdim=True)
        expected = np.hypot(nearest_without_bias(m, away, input), float((bias - mean).norm()))
        assert with_bias == pytest.approx(expected, rel=1e-5)
        assert "is not a " in page.locator("#statement").inner_text()
        page.locator("#forms [data-form=shared]").click()
        np.testing.assert_allclose(
            shown_matrix(page, m.shape)[0], matrix(away.layer, input).toarray(), atol=1e-6
        )


def nearest_without_bias(m, away, input):
    return float(np.linalg.norm(m.toarray() - matrix(away.layer, input).toarray()))


def run_code(page):
    """Run the code that the page shows, as a reader would who has copied it."""
    names = {}
    exec(page.locator("#code").inner_text(), names)
    return names


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "shape",
    ["", "c=2&o=2&h=3&w=4&k=2x1&s=1x2&p=1x0&d=2x1&g=2&bias=1", "dim=1&c=1&o=2&h=1&w=5&k=1x3&p=0x1"],
)
def test_the_code_runs_and_gives_the_outputs_and_gradients_shown(visit, form, shape):
    page = visit(example(), GRID, fragment=f"#{shape}&form={form}")
    outputs = page.evaluate(READ_OUTPUTS)
    show(page, f"{shape}&form={form}&back=1")
    names = run_code(page)
    np.testing.assert_allclose(names["y"].detach().flatten(), outputs, atol=1e-5)
    gradients = page.locator("#stored .chip").evaluate_all("all => all.map(c => +c.dataset.value)")
    expected = names["layer"].weight.grad.flatten()[:128]  # as many as the page shows
    assert len(gradients) == len(expected)
    np.testing.assert_allclose(gradients, expected, atol=1e-5)


def test_editing_a_weight_changes_the_output_to_what_pytorch_computes(visit):
    page = visit(example(), GRID)
    page.locator("#stored .chip[data-key=w1]").click()
    page.locator("#details input").fill("1.25")
    page.locator("#details input").press("Enter")
    page.locator("#sheets .cell[data-key=i4]").click()
    page.locator("#details input").fill("-3")
    page.locator("#details input").press("Enter")
    x = torch.tensor(page.evaluate(READ_INPUTS), dtype=torch.float32).reshape(GRID)
    assert x[1, 0, 0] == -3
    conv = example()
    conv.weight.data[0, 1] = 1.25
    expected = conv(x).detach().flatten()
    np.testing.assert_allclose(page.evaluate(READ_OUTPUTS), expected, atol=1e-5)
    np.testing.assert_allclose(run_code(page)["y"].detach().flatten(), expected, atol=1e-5)


def test_a_weight_that_a_convolution_lacks_ends_the_equality(visit):
    page = visit(example(), GRID, fragment="#form=dense")
    page.locator("#matrix .cell[data-key='c0,3']").click()
    page.locator("#details input").fill("0.5")
    page.locator("#details input").press("Enter")
    words = page.locator("#statement").inner_text()
    assert "output (0, 0, 0) reads input (0, 1, 1), and a 1×1 convolution cannot" in words
    assert page.locator("#forms .verdict").all_inner_texts() == [
        "≠ 0.5 away",
        "≠ 0.5 away",
        "shown",
    ]
    page.locator("#forms [data-form=local]").click()
    page.locator("#stored .chip").first.click()
    page.locator("#details input").fill("0.4")
    page.locator("#details input").press("Enter")
    # One of four copies of 0.8 is now 0.4: away by the spread about their mean, √(3·0.1² + 0.3²).
    verdicts = page.locator("#forms .verdict").all_inner_texts()
    assert verdicts == ["≠ 0.35 away", "shown", "= equal"]


def test_training_shared_weights_keeps_the_forms_equal_and_training_copies_does_not(visit):
    page = visit(example(), GRID, fragment="#back=1")
    page.locator("#train").click()
    assert "S2" in page.locator("#statement").inner_text()
    page.locator("#forms [data-form=dense]").click()
    page.locator("#train").click()
    assert "S7" in page.locator("#statement").inner_text()
    names = run_code(page)
    before = torch.tensor(page.evaluate(READ_CELLS))  # in backward mode: the gradient's entries
    gradient = names["layer"].weight.grad.flatten()
    np.testing.assert_allclose(before[:, 2], gradient, atol=1e-5)


def test_a_shared_weight_changed_after_one_of_its_copies_starts_from_their_mean(visit):
    page = visit(example(), GRID, fragment="#form=dense")
    for form, chip, value in (("dense", 0, "0.4"), ("shared", 1, "2")):
        page.locator(f"#forms [data-form={form}]").click()
        page.locator("#stored .chip").nth(chip).click()
        page.locator("#details input").fill(value)
        page.locator("#details input").press("Enter")
    assert page.locator("#forms .verdict").all_inner_texts() == ["shown", "= equal", "= equal"]
    weights = {w: v for _, _, v, w in page.evaluate(READ_CELLS)}
    assert weights == {0: pytest.approx((0.4 + 3 * 0.8) / 4), 1: 2}


# ------------------------------------------------------------------ state, keyboard, sizes


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


@pytest.mark.parametrize("bad", ["c=3&g=2", "k=9x9", "colour=red", "edits=s0:red", "c=1.5", "%"])
def test_a_link_that_is_of_no_layer_is_said_and_the_start_is_shown(visit, bad):
    page = visit(example(), GRID, fragment=f"#{bad}")
    assert "Shown is the starting view." in page.locator("#notice").inner_text()
    assert page.locator("#size").inner_text() == "4×8"


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


# ------------------------------------------------------------------ what is written


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
