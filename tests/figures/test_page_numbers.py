"""The numbers on the page are those of PyTorch and of onebyone's matrix."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from helpers.picture import (
    FORMS,
    GRID,
    READ_CELLS,
    READ_INPUTS,
    READ_OUTPUTS,
    example,
    run_code,
    sharing,
    show,
    shown_matrix,
)
from onebyone.errors import InputError
from onebyone.layers import LocallyConnected, convert, matrix, nearest

SETTINGS = 48


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
