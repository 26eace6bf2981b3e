"""What belongs together lights up together, in all four views; pinning and switching forms."""

import numpy as np
import pytest

from helpers.picture import EXAMPLE, GRID, LIT, READ_INPUTS, VISIBLE_POINT, example, shown_matrix
from onebyone.layers import matrix


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
