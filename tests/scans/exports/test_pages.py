"""The page of a map in a real browser."""

import re

import numpy as np
import pytest

from helpers.scan_maps import halved, make_map
from onebyone.errors import InputError
from onebyone.scans.exports import export, pages


@pytest.fixture
def opened(browser):
    """Opens a page, and sees that it has no errors and asks for nothing."""
    pages_open, troubles = [], []

    def open_page(path, **options):
        page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda told: told.type == "error" and troubles.append(told.text))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        pages_open.append(page)
        return page

    yield open_page
    for page in pages_open:
        page.close()
    assert troubles == []


def hover(page, y, x, size):
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + x / size[1] * box["width"], box["y"] + y / size[0] * box["height"])
    return page.locator("#place").inner_text().replace("\u00a0", " ")


def test_windows_over_the_map_alone(opened, tmp_path, folder, scores):
    export(folder, tmp_path / "x.html")
    page = opened(tmp_path / "x.html")
    assert page.locator("h1").inner_text() == "tissue.tif"
    assert page.locator("#facts").inner_text() == (
        "216 × 152 pixels, 53 × 37 windows of 8 × 8 pixels, one every 4 pixels; 3 classes"
    )
    size = (152, 216)
    assert hover(page, 1 * 4 + 4, 2 * 4 + 4, size) == "Window 1, 2: 8 × 8 pixels at x 8, y 4"
    shown = [float(value) for value in page.locator("#scores .value").all_inner_texts()]
    np.testing.assert_allclose(shown, np.sort(scores[:, 1, 2])[::-1], atol=6e-4)
    assert hover(page, 6 * 4 + 4, 20 * 4 + 4, size).endswith("y 24. It has no scores.")
    legend = page.locator("#legend li").all_inner_texts()
    assert legend == ["tumour <&>", "Fettgewebe ü", "background"]
    assert "Windows without scores are left clear." in page.locator("#more").inner_text()
    clear = page.evaluate(
        "document.getElementById('map').getContext('2d').getImageData(20, 6, 1, 1).data[3]"
    )
    assert clear == 0
    assert page.locator("#notes").inner_text() == "Values are rounded to 16 bits."


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize("coarser", [0, 1, 2])
def test_means_of_windows_over_a_small_picture(opened, tmp_path, scores, monkeypatch, coarser):
    monkeypatch.setattr(pages, "LONGEST", 15)
    folder = make_map(tmp_path / "map", scores, coarser=coarser, classes=["a", "b", "c"])
    picture = np.full((3, 38, 54), 90, np.uint8)
    export(folder, tmp_path / "x.html", image=picture)
    page = opened(tmp_path / "x.html")
    assert page.locator("#facts").inner_text() == (
        "216 × 152 pixels, 14 × 10 cells of 16 × 16 pixels, each the mean of 4 × 4 windows; "
        "3 classes"
    )
    # Windows 4 to 7 down and 8 to 11 across cover pixels 16 to 36 and 32 to 52.
    told = hover(page, 26, 42, (152, 216))
    assert told == "4 × 4 windows from 4, 8: 20 × 20 pixels at x 32, y 16"
    shown = [float(value) for value in page.locator("#scores .value").all_inner_texts()]
    means = halved(halved(scores))[:, 1, 2]
    if coarser == 0:  # at once, where some windows have no score
        means = np.nanmean(scores[:, 4:8, 8:12], axis=(1, 2))
    np.testing.assert_allclose(shown, np.sort(means)[::-1], atol=6e-4)
    stage, outline = (page.locator(name).bounding_box() for name in ("#stage", "#window"))
    scale = stage["width"] / 216
    assert (outline["x"] - stage["x"]) / scale == pytest.approx(32, abs=0.3)
    assert outline["width"] / scale == pytest.approx(20, abs=0.3)
    assert page.evaluate("document.getElementById('image').naturalWidth") == 54
    assert "The picture is shown at 54 × 38 pixels." in page.locator("#notes").inner_text()


def test_one_class_of_logits(opened, tmp_path):
    logits = np.linspace(-4, 4, 35, dtype=np.float32).reshape(1, 5, 7)
    logits[0, 0, 0] = np.nan
    export(make_map(tmp_path / "map", logits, values="scores"), tmp_path / "x.html")
    page = opened(tmp_path / "x.html", color_scheme="dark")
    assert hover(page, 2 * 4 + 4, 3 * 4 + 4, (24, 32)).startswith("Window 2, 3:")
    assert page.locator("#scores .value").all_inner_texts() == ["0.500"]


def test_many_classes_fit_into_a_page(tmp_path):
    scores = np.random.default_rng(0).random((300, 40, 30)).astype(np.float32)
    export(make_map(tmp_path / "map", scores), tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert re.search(r'"grid":\[40,30\]', text)
    assert len(text) < 2_000_000


@pytest.mark.parametrize("image", [np.zeros(3), np.zeros((3, 0, 4)), np.zeros((1, 3, 4, 4))])
def test_what_is_no_picture(tmp_path, folder, image):
    with pytest.raises(InputError, match=r"^image: shape \(.*\) is no picture; give \[C, H, W\]"):
        export(folder, tmp_path / "x.html", image=image)
    assert not (tmp_path / "x.html").exists()
