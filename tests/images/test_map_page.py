"""The page in a real browser: what is seen under the pointer, the controls, no errors."""

import re

import numpy as np
import pytest
from PIL import Image

from onebyone.errors import InputError
from onebyone.images import Box, save_html

LOCAL = ("file:", "data:", "blob:")
CLASSES = ["cat", "dog", "background"]
# Windows of 8 × 12 pixels, one every 4: 5 × 4 windows on 24 × 24 pixels.
WINDOW, STRIDE = (1, 8, 12), 4
SCORES = np.full((3, 5, 4), 0.1)
SCORES[2] = 0.8
SCORES[:, 1, 2] = [0.7, 0.2, 0.1]
SCORES[:, 3, 0] = [0.25, 0.75, 0.0]
SCORES[:, 4, 3] = np.nan
IMAGE = np.linspace(0, 1, 24 * 24).reshape(24, 24)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "map.html"
    boxes = [Box("here <b>", 4, 4, 8, 8)]
    save_html(path, IMAGE, SCORES, WINDOW, STRIDE, CLASSES, "Cats & <dogs>", boxes=boxes)
    return path


@pytest.fixture
def page(browser, path):
    """The page, 24 × 24 pixels of the image shown with some whole number of screen pixels each."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    troubles = []

    def note(trouble, text):
        if trouble:
            troubles.append(text)

    page.on("console", lambda message: note(message.type == "error", message.text))
    page.on("pageerror", lambda error: note(True, str(error)))
    page.on("request", lambda asked: note(not asked.url.startswith(LOCAL), asked.url[:80]))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page
    page.close()
    assert troubles == []


def hover(page, y, x):
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + x / 24 * box["width"], box["y"] + y / 24 * box["height"])


def colour(page, row, column):
    return page.evaluate(
        "([row, column]) => [...document.getElementById('map').getContext('2d')"
        ".getImageData(column, row, 1, 1).data]",
        [row, column],
    )


def test_scores_under_the_pointer_and_the_outline_of_the_window(page):
    hover(page, 1 * 4 + 4, 2 * 4 + 6)  # the centre of window 1, 2
    assert page.locator("#place").inner_text() == "Window 1, 2: 12 × 8 pixels at x\u00a08, y\u00a04"
    assert page.locator("#scores .name").all_inner_texts() == ["cat", "dog", "background"]
    assert page.locator("#scores .value").all_inner_texts() == ["0.700", "0.200", "0.100"]
    stage, outline = (page.locator(name).bounding_box() for name in ("#stage", "#window"))
    scale = stage["width"] / 24
    seen = [
        (outline["x"] - stage["x"]) / scale,
        (outline["y"] - stage["y"]) / scale,
        outline["width"] / scale,
        outline["height"] / scale,
    ]
    np.testing.assert_allclose(seen, [8, 4, 12, 8], atol=0.1)


def test_the_border_of_the_image_belongs_to_the_nearest_window(page):
    hover(page, 0.5, 0.5)
    assert page.locator("#place").inner_text().startswith("Window 0, 0:")
    hover(page, 23.5, 23.5)
    place = page.locator("#place").inner_text()
    assert place.startswith("Window 4, 3:")
    assert place.endswith("Its scores are not numbers.")
    assert page.locator("#scores li").count() == 0


def test_colours_of_the_top_class_and_their_opacity(page, path):
    colours = re.search(r'"colours":\["#(\w+)","#(\w+)"', path.read_text()).groups()
    cat, dog = ([*bytes.fromhex(text)] for text in colours)
    assert colour(page, 1, 2)[3] == pytest.approx(255 * 0.7, abs=1)
    # The canvas keeps colours multiplied by their opacity, so they come back rounded.
    np.testing.assert_allclose(colour(page, 1, 2)[:3], cat, atol=2)
    np.testing.assert_allclose(colour(page, 3, 0)[:3], dog, atol=2)
    assert colour(page, 0, 0)[3] == 0  # background
    assert colour(page, 4, 3) == [128, 128, 128, 160]  # not a number


def test_the_legend_knows_every_colour(page):
    listed = page.locator("#legend li:visible")
    assert listed.all_inner_texts() == ["cat", "dog", "background", "not a number"]
    grey = listed.last.locator(".swatch").evaluate("node => node.style.background")
    assert grey.startswith("rgba(128, 128, 128, 0.62")
    page.select_option("#view", label="Heat: dog")  # they are grey there, too
    assert listed.all_inner_texts() == ["not a number"]


def test_where_no_class_has_anything_nothing_is_painted_or_listed(browser, tmp_path):
    scores = np.zeros((2, 5, 4))
    scores[1, 0, 0] = 0.5
    note = "What <there> is to see."
    save_html(tmp_path / "map.html", IMAGE, scores, WINDOW, STRIDE, ["cat", "dog"], note=note)
    page = browser.new_page()
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#legend li").all_inner_texts() == ["dog"]
    assert page.locator("#note").inner_text() == note
    assert colour(page, 2, 2)[3] == 0
    page.locator("#stage").focus()
    page.keyboard.press("ArrowDown")
    assert page.locator("#scores .value").all_inner_texts() == ["0.000", "0.000"]
    page.close()


def test_the_map_changes_with_the_class_chosen(page):
    assert page.locator("#ramp").is_hidden()
    page.select_option("#view", label="Heat: dog")
    assert colour(page, 3, 0)[3] == pytest.approx(255 * 0.75, abs=1)
    assert colour(page, 1, 2)[3] == pytest.approx(255 * 0.2, abs=1)
    assert page.locator("#ramp").is_visible()
    page.select_option("#view", label="Heat: highest score")
    assert colour(page, 0, 0)[3] == pytest.approx(255 * 0.8, abs=1)


def test_opacity(page):
    page.locator("#opacity").fill("25")
    assert page.locator("#percent").inner_text() == "25 %"
    assert page.evaluate("getComputedStyle(document.getElementById('map')).opacity") == "0.25"


def test_the_keyboard_moves_the_window(page):
    page.locator("#stage").focus()
    hover(page, 1 * 4 + 4, 2 * 4 + 6)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#place").inner_text().startswith("Window 2, 1:")
    page.keyboard.press("Shift+ArrowRight")
    assert page.locator("#place").inner_text().startswith("Window 2, 3:")


def test_the_image_and_its_boxes_are_in_place(page):
    assert page.title() == "Cats & <dogs>"
    assert page.locator("#boxes span").inner_text() == "here <b>"
    assert page.evaluate("document.getElementById('image').naturalWidth") == 24
    stage, box = (page.locator(name).bounding_box() for name in ("#stage", "#boxes div"))
    assert (box["x"] - stage["x"]) / stage["width"] == pytest.approx(4 / 24, abs=0.005)
    assert box["height"] / stage["height"] == pytest.approx(8 / 24, abs=0.005)


@pytest.mark.parametrize("width", [1280, 390])
def test_labels_stay_within_the_image(browser, tmp_path, width):
    places = ((0, 0), (0, 16), (1, 20), (16, 20), (12, 0))
    boxes = [Box("Egyptian cat 0.97", *place, 8, 4) for place in places]
    save_html(tmp_path / "map.html", IMAGE, SCORES, WINDOW, STRIDE, CLASSES, "Cats", boxes=boxes)
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    page.wait_for_selector("#boxes .leftwards")
    stage = page.locator("#stage").bounding_box()
    for label in page.locator("#boxes span").all():
        box = label.bounding_box()
        assert stage["x"] - 2 <= box["x"] <= stage["x"] + stage["width"] + 2 - box["width"]
        assert box["y"] >= stage["y"] - 2
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_all_in_its_width_and_follows_touch(browser, path, scheme):
    viewport = {"width": 390, "height": 844}
    page = browser.new_page(viewport=viewport, has_touch=True, color_scheme=scheme)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    box = page.locator("#stage").bounding_box()
    page.touchscreen.tap(box["x"] + 14 / 24 * box["width"], box["y"] + 8 / 24 * box["height"])
    assert page.locator("#place").inner_text().startswith("Window 1, 2:")
    page.screenshot(path=path.with_suffix(".png"))
    corner = Image.open(path.with_suffix(".png")).convert("L").getpixel((1, 1))
    assert (corner > 200) == (scheme == "light")
    page.close()


def test_windows_of_several_sizes_share_their_centres(browser, tmp_path):
    sizes = [(1, 8, 8), (1, 12, 16)]
    scores = np.zeros((2, 5, 5))
    scores[:, 1, 2] = [0.2, 0.9]
    save_html(tmp_path / "map.html", IMAGE, scores, sizes, 4, view="1")
    page = browser.new_page()
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#view").evaluate("view => view.selectedOptions[0].text") == "Heat: 1"
    hover(page, 1 * 4 + 4, 2 * 4 + 4)
    assert page.locator("#place").inner_text().startswith("Window 1, 2: 16 × 12 pixels")
    page.close()


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"classes": ["a"]}, "classes: 1 names for scores of 3"),
        ({"window": [(1, 8, 8)] * 2}, "window: 2 sizes"),
        ({"view": "bird"}, "view: 'bird' is none of top class, highest score, cat"),
    ],
)
def test_arguments_that_do_not_fit(tmp_path, changed, reason):
    arguments = {"window": WINDOW, "stride": STRIDE, "classes": CLASSES} | changed
    with pytest.raises(InputError, match=reason):
        save_html(tmp_path / "map.html", IMAGE, SCORES, **arguments)
    assert [*tmp_path.iterdir()] == []


def test_a_map_alone_needs_the_size_of_its_image(tmp_path):
    with pytest.raises(InputError, match="size: give that of the image, which is not given"):
        save_html(tmp_path / "map.html", None, SCORES, WINDOW, STRIDE)
    assert [*tmp_path.iterdir()] == []


def scale(page):
    stage, scene = (page.locator(name).bounding_box() for name in ("#stage", "#scene"))
    return scene["width"] / stage["width"]


def until(page, holds):
    """Wait for what a wheel does, which comes a little later; the page allows no script of ours."""
    for _ in range(100):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it did not come to hold")


def seen(page):
    """The corner of the image that is seen, in pixels of the image."""
    stage, scene = (page.locator(name).bounding_box() for name in ("#stage", "#scene"))
    return [(stage[axis] - scene[axis]) / scene["width"] * 24 for axis in "xy"]


def center(page):
    box = page.locator("#stage").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_wheel_zooms_where_the_pointer_is_and_scores_stay(page):
    hover(page, 1 * 4 + 4, 2 * 4 + 6)
    for _ in range(3):
        page.mouse.wheel(0, -300)
    until(page, lambda: scale(page) > 4)
    assert scale(page) > 4
    assert page.locator("#place").inner_text().startswith("Window 1, 2:")
    page.mouse.move(*[place + 1 for place in pointer_on(page, 8, 14)])
    assert page.locator("#place").inner_text().startswith("Window 1, 2:")
    assert page.locator("#level").inner_text() == f"{round(100 * scale(page))} %"


def pointer_on(page, y, x):
    """Where a pixel of the image is on the screen."""
    box = page.locator("#scene").bounding_box()
    return box["x"] + x / 24 * box["width"], box["y"] + y / 24 * box["height"]


def test_a_wheel_that_zooms_out_scrolls_the_page_at_the_end(browser, path):
    page = browser.new_page(viewport={"width": 800, "height": 500})
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.mouse.move(*center(page))
    page.mouse.wheel(0, 200)
    until(page, lambda: page.evaluate("scrollY") > 0)
    assert scale(page) == 1
    page.close()


def test_dragging_moves_a_zoomed_image_and_no_further_than_its_border(page):
    x, y = center(page)
    page.locator("#closer").click(click_count=2)
    assert scale(page) == pytest.approx(1.5**2, rel=0.01)
    before = seen(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 40, y - 60, steps=3)
    width = page.locator("#scene").bounding_box()["width"]
    np.testing.assert_allclose(
        np.subtract(seen(page), before), np.array([40, 60]) / width * 24, atol=0.05
    )
    page.mouse.move(x + 2000, y + 2000, steps=3)
    page.mouse.up()
    np.testing.assert_allclose(seen(page), 0, atol=0.01)
    page.mouse.move(x, y)  # no button: the window moves, the image does not
    np.testing.assert_allclose(seen(page), 0, atol=0.01)


def test_keys_zoom_and_the_image_follows_the_window(page):
    page.locator("#stage").focus()
    page.keyboard.press("ArrowUp")
    for _ in range(4):
        page.keyboard.press("+")
    assert scale(page) == pytest.approx(1.5**4, rel=0.01)
    for key in ("ArrowUp", "ArrowLeft", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.locator("#place").inner_text().startswith("Window 0, 0:")
    stage, window = (page.locator(name).bounding_box() for name in ("#stage", "#window"))
    middle = window["x"] + window["width"] / 2, window["y"] + window["height"] / 2
    assert stage["x"] <= middle[0] <= stage["x"] + stage["width"]
    assert stage["y"] <= middle[1] <= stage["y"] + stage["height"]
    page.keyboard.press("-")
    assert scale(page) == pytest.approx(1.5**3, rel=0.01)
    page.keyboard.press("0")
    assert scale(page) == 1
    assert page.locator("#whole").is_disabled()
    page.keyboard.press("-")
    assert scale(page) == 1


def test_buttons_zoom_to_the_end_and_back(page):
    for _ in range(20):
        if page.locator("#closer").is_disabled():
            break
        page.locator("#closer").click()
    assert page.locator("#closer").is_disabled()
    assert scale(page) == pytest.approx(8, rel=0.01)
    page.locator("#farther").click()
    assert scale(page) == pytest.approx(8 / 1.5, rel=0.01)
    page.locator("#whole").click()
    assert scale(page) == 1
    assert page.locator("#farther").is_disabled()


def test_outlines_and_labels_keep_their_width(page):
    box = page.locator("#boxes div")
    label = page.locator("#boxes span")
    before = label.bounding_box()["height"]
    page.locator("#closer").click()
    assert box.evaluate("node => getComputedStyle(node).borderTopWidth") == "2px"
    assert label.bounding_box()["height"] == pytest.approx(before, abs=0.1)


def test_two_fingers_zoom_and_one_moves(browser, path):
    page = browser.new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    x, y = center(page)
    touch = page.context.new_cdp_session(page)

    def send(kind, *points):
        placed = [{"x": x + a, "y": y + b, "id": k} for k, (a, b) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": placed})

    send("touchStart", (-20, 0))
    send("touchStart", (-20, 0), (20, 0))
    for step in range(1, 9):
        send("touchMove", (-20 - 5 * step, 0), (20 + 5 * step, 0))
    send("touchEnd")
    assert scale(page) == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(seen(page), 8, atol=0.3)  # what was in the middle still is
    send("touchStart", (0, 0))
    for step in range(1, 6):
        send("touchMove", (0, 12 * step))
    send("touchEnd")
    moved = 60 / page.locator("#scene").bounding_box()["width"] * 24
    np.testing.assert_allclose(seen(page), [8, 8 - moved], atol=0.5)
    assert page.evaluate("scrollY") == 0
    page.close()


def test_a_name_of_bytes_that_are_no_text(browser, tmp_path):
    name = "a\udcff<script>.png"
    save_html(tmp_path / "map.html", IMAGE, SCORES, WINDOW, STRIDE, CLASSES, name)
    page = browser.new_page()
    page.goto((tmp_path / "map.html").as_uri())
    assert page.title() == "a?<script>.png"
    assert page.locator("h1").inner_text() == "a?<script>.png"
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_long_name_and_an_image_of_one_pixel_fit(browser, tmp_path, width):
    one = np.full((3, 1, 1), 0.2)
    save_html(tmp_path / "map.html", IMAGE[:1, :1], one, (1, 1, 1), 1, CLASSES, "x" * 300)
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto((tmp_path / "map.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.locator("#closer").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.close()
