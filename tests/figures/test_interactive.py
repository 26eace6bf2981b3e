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
LIT = """() => [...new Set([...document.querySelectorAll(".lit")].map(e => e.dataset.key))].sort()"""


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
    if ".hit" in hovered:  # a point on the curve, where no other wire or cell covers it
        page.evaluate(
            "at => document.querySelector(at).dispatchEvent("
            "new PointerEvent('pointerover', {bubbles: true}))",
            hovered,
        )
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
    assert page.locator("#statement").inner_text().startswith("S2: ")
    for form, wires, chips in (("shared", 8, 2), ("local", 8, 8), ("dense", 32, 0)):
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
        form = matrix(convert(layer, FORMS[shape["form"]], shape["grid"]), shape["grid"], m.form.geometry.output)
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
