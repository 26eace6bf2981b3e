"""Reading the interactive picture: its layer, its numbers, what is lit."""

import numpy as np
import torch
from torch import nn

EXAMPLE, GRID = (0.8, -0.5), (2, 2, 2)
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


def run_code(page):
    """Run the code that the page shows, as a reader would who has copied it."""
    names = {}
    exec(page.locator("#code").inner_text(), names)
    return names
