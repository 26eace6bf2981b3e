"""The PNG shows what the SVG shows: Chromium, which draws the SVG, is the oracle."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from torch import nn

from onebyone.figures import explain
from onebyone.figures.canvas import MONO, Canvas
from onebyone.figures.png import SCALE, to_png
from onebyone.layers import LocallyConnected


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def chromium(browser, svg: str, width: float, height: float) -> np.ndarray:
    size = {"width": int(width), "height": int(height)}
    page = browser.new_page(viewport=size, device_scale_factor=SCALE)
    page.set_content(f"<body style='margin:0;background:white'>{svg}")
    seen = pixels(page.screenshot())
    page.close()
    return seen


def assert_alike(drawn: np.ndarray, seen: np.ndarray) -> None:
    """Edges may differ by how they are smoothed, so blocks of 4×4 pixels are compared."""
    assert drawn.shape == seen.shape
    height, width = (n - n % 4 for n in drawn.shape[:2])
    blocks = [
        a[:height, :width].reshape(height // 4, 4, width // 4, 4, 3).mean((1, 3))
        for a in (drawn, seen)
    ]
    away = np.abs(blocks[0] - blocks[1]).max(-1)
    assert away.mean() < 1
    assert (away > 40).mean() < 0.002


@pytest.mark.parametrize(
    ("layer", "input"),
    [
        (nn.Conv2d(2, 1, 1, bias=False), (2, 2, 2)),
        (nn.Conv1d(4, 2, 3, groups=2), (4, 5)),
        (LocallyConnected((1, 3, 3), 2, 2), (1, 3, 3)),
    ],
)
def test_every_shape_is_where_chromium_draws_it(browser, layer, input):
    canvas = explain(layer, input).still.canvas
    svg = re.sub("<text.*?</text>", "", canvas.svg)
    size = (int(canvas.width) * SCALE, int(canvas.height) * SCALE)
    drawn = pixels(to_png(svg))[: size[1], : size[0]]
    assert_alike(drawn, chromium(browser, svg, canvas.width, canvas.height))


def test_words_stand_where_chromium_writes_them(browser):
    canvas = Canvas(300, 90, "words")
    canvas.text((150, 30), "IIIIII", 18, text_anchor="middle", font_weight="600", fill="#000000")
    canvas.text((10, 60), "IIIIII", 18, fill="#0072B2")
    canvas.text((290, 60), "IIIIII", 18, text_anchor="end", font_family=MONO, fill="#D55E00")
    for data in (pixels(to_png(canvas.svg)), chromium(browser, canvas.svg, 300, 90)):
        for box, middle in ((np.s_[:80, 200:400], 300), (np.s_[80:130, :200], None)):
            rows, columns = np.nonzero(data[box].min(-1) < 128)
            assert 24 <= np.ptp(rows) <= 32  # a capital I of 18 units, twice as large
            if middle:
                assert abs(columns.mean() + 200 - middle) < 4
        assert data[80:130, :30].min() < 200
        assert data[80:130, -30:].min() < 200


def test_without_an_installed_font_all_signs_are_still_written():
    """The fonts that come along hold the signs: none is drawn as the box of those that lack."""

    def written(sign: str) -> np.ndarray:
        canvas = Canvas(40, 20, "signs")
        canvas.text((2, 15), sign, 12, fill="#000000")
        return pixels(to_png(canvas.svg))

    missing = written("\u4e00")
    for sign in "×·−–→⊗≤≥±µ√’²Mm":
        drawn = written(sign)
        assert drawn.min() < 128
        assert (drawn != missing).any()


def test_saves_a_png_twice_as_large_as_the_svg(tmp_path):
    figure = explain(nn.Conv2d(1, 1, 3, padding=1), (1, 4, 4))
    figure.save(tmp_path / "still.png")
    still = figure.still.canvas
    with Image.open(tmp_path / "still.png") as image:
        assert image.size == (round(still.width * SCALE), round(still.height * SCALE))
