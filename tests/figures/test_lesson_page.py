"""The lesson: steps, links, keys, pointers; small screens, paper and voices; the file itself."""

import re

import pytest

from helpers.lesson import sheets, turn, verdict
from onebyone.errors import InputError
from onebyone.figures import Lesson, lesson

TITLES = [
    "What does a 1×1 convolution read?",
    "One location is one small fully connected layer",
    "Four locations: four fully connected layers that share their weights",
    "All at once: one fully connected layer of 8 inputs and 4 outputs",
    "The other way: a fully connected layer is a convolution",
    "Padding is the trap",
    "What it is for: a small network at every window",
]
STEPS = range(1, 8)


def title(page) -> str:
    return page.locator("#title").inner_text().split(" ", 1)[1]


def seen(page) -> str:
    return page.locator("#seen").inner_text()


def link(page) -> str:
    return page.evaluate("location.hash.slice(1)")


def test_a_guess_is_answered_and_the_figure_comes_alive(learn):
    page = learn()
    for step in STEPS:
        turn(page, f"step={step}")
        assert title(page) == TITLES[step - 1]
        assert seen(page) == "Choose an answer first, or “Show me”."
        assert page.locator("#controls *").count() == 0
        assert page.locator("#why").inner_text() == ""
        answers = page.locator("#answers .answer")
        answers.last.click()
        why = page.locator("#why").inner_text()
        assert why.startswith("No.")
        assert len(why) > 60
        assert link(page) == f"step={step}&shown=1"
        assert not page.locator("#skip").is_visible()
        assert len(seen(page)) > 60
        answers.first.click()
        assert page.locator("#why").inner_text().startswith("Yes.")
    stored = "localStorage.length + sessionStorage.length + document.cookie.length"
    assert page.evaluate(stored) == 0
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#why").inner_text().startswith("The answer: ")


def test_whoever_does_not_guess_is_shown_the_answer(learn):
    page = learn()
    page.locator("#skip").click()
    assert page.locator("#why").inner_text().startswith("The answer: Two: one of each channel.")
    assert page.locator("#stage .wire:visible").count() == 2


def test_steps_are_links_and_the_way_back_is_the_browsers(learn):
    page = learn()
    page.locator("#steps a").nth(3).click()
    assert title(page) == TITLES[3]
    page.locator("#skip").click()
    page.locator("#stage .cell[data-key='c0,1']").click()
    assert link(page).endswith("step=4&shown=1&flips=1")
    page.locator("#next").click()
    assert title(page) == TITLES[4]
    assert page.locator("#steps [aria-current=step]").inner_text().startswith("5")
    page.locator("#previous").click()
    assert verdict(page) == "≠ not equal"  # a step is found as it was left
    for _ in range(3):
        page.go_back()
    page.wait_for_function("!document.querySelector('#seen').textContent.includes('No 1×1')")
    assert link(page).endswith("step=4&shown=1")
    page.go_back()
    page.wait_for_function("document.querySelector('#why').textContent === ''")
    page.go_back()
    page.wait_for_function("document.querySelector('#title').textContent.startsWith('1')")


def test_a_link_holds_step_and_state(learn, browser):
    page = learn("step=5")
    page.locator("#answers .answer").first.click()
    page.locator("[data-name=h]").fill("4")
    page.locator("[data-name=h]").press("Tab")
    page.locator("#stage [data-key='m1:2,0']").click()
    address, words = page.url, page.locator("#stage").inner_text()
    assert link(page) == "step=5&shown=1&h=4&y=2"
    other = browser.new_page(viewport={"width": 1280, "height": 900})
    other.goto(address)
    assert other.locator("#stage").inner_text() == words
    other.close()


def test_arrow_keys_go_through_the_steps_but_not_out_of_a_control(learn):
    page = learn()
    for step in (2, 3, 4, 5, 6, 7, 7):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "n => document.querySelector('#title').textContent.startsWith(n)", arg=str(step)
        )
        focused = page.evaluate("document.activeElement.id")
        assert focused == "title"
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector('#title').textContent.startsWith('6')")
    page.keyboard.press("Alt+ArrowLeft")  # the browser's own
    turn(page, "step=2&shown=1")
    slider = page.locator("[data-name=w0]")
    slider.focus()
    slider.press("ArrowLeft")
    assert link(page).endswith("step=2&shown=1&w=0.7,-0.5")
    assert "0.7 · 2" in seen(page)
    assert page.evaluate("document.activeElement.dataset.name") == "w0"
    slider.press("Home")
    slider.press("ArrowLeft")  # at its end already
    assert link(page).startswith("step=2&")


def test_step_1_by_keys_and_by_dragging(learn):
    page = learn("step=1&shown=1")
    page.locator("#stage .cell[data-key=i0]").focus()
    page.keyboard.press("ArrowRight")
    assert "The top right output reads 2 in channel 0 and 6 in channel 1" in seen(page)
    assert page.evaluate("document.activeElement.dataset.key") == "i1"
    page.keyboard.press("ArrowDown")
    assert "The bottom right output" in seen(page)
    assert link(page).endswith("at=3")
    boxes = [page.locator(f"#stage .cell[data-key=i{n}]").bounding_box() for n in (0, 1, 2)]
    middles = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes]
    page.mouse.move(*middles[0])
    page.mouse.down()
    assert "The top left output" in seen(page)
    page.mouse.move(*middles[1])
    assert "The top right output" in seen(page)
    page.mouse.move(*middles[2])
    page.mouse.up()
    assert "The bottom left output" in seen(page)
    assert link(page).endswith("at=2")
    page.mouse.move(*middles[1])
    assert "The bottom left output" in seen(page)


def test_step_4_by_keys(learn):
    page = learn("step=4&shown=1")
    page.locator("#stage .cell[data-key='c0,0']").focus()
    for key in ("ArrowRight", "Enter", "ArrowDown", " "):
        page.keyboard.press(key)
    assert link(page).endswith("flips=1,9")
    assert page.evaluate("document.activeElement.dataset.key") == "c1,1"
    assert page.locator("#stage [data-key='c0,1'].cell").get_attribute("aria-pressed") == "true"
    assert "top left output now reads the top right number of channel 0" in seen(page)
    page.locator("[data-name=again]").click()
    assert verdict(page) == "= equal"


def test_step_4_a_diagonal_that_is_switched_off_whole_is_a_convolution_still(learn):
    page = learn("step=4&shown=1&flips=0,9,18,27")
    assert seen(page).startswith("Still a 1×1 convolution")
    turn(page, "step=4&shown=1&flips=0,9,18")
    assert "no longer have the same weight for channel 0" in seen(page)


def test_step_5_the_corner_is_dragged_and_moved_by_keys(learn):
    page = learn("step=5&shown=1")
    handle = page.locator("#stage [data-handle]")
    box = handle.locator("circle").last.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 65, box["y"] + 35, steps=5)
    page.mouse.up()
    assert link(page).endswith("step=5&shown=1&h=3&w=4")
    assert ("Map of outputs, 2×3", "output 1") in sheets(page)
    assert "2×3 places" in seen(page)
    assert page.evaluate("document.activeElement.dataset.handle") == "corner"
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    assert link(page).endswith("&h=5&w=3")
    page.locator("#stage [data-key='m0:3,1']").click()
    handle.focus()
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    assert link(page).endswith("step=5&shown=1&w=3&x=1")  # the cell stays inside the map
    page.locator("[data-name=w]").fill("99")
    page.locator("[data-name=w]").press("Tab")
    assert link(page).endswith("&w=6&x=1")
    page.locator("[data-name=h]").fill("")
    page.locator("[data-name=h]").press("Tab")
    assert page.locator("[data-name=h]").input_value() == "2"


def test_step_6_is_a_path_from_equal_to_not_and_back(learn):
    page = learn("step=6")
    page.locator("#skip").click()
    marks = "all => all.map(one => one.textContent.at(-1)).join('')"
    cells = page.locator("#stage [data-key^=m]")
    assert cells.evaluate_all(marks) == "=" * 9
    page.locator("[data-name=pad]").check()
    assert cells.evaluate_all(marks) == "≠" * 9
    assert "None of the nine cells equals its crop" in seen(page)
    page.locator("[data-name=slide]").check()
    assert cells.evaluate_all(marks) == "=" * 9
    assert "100 numbers in the place of 144" in seen(page)
    assert page.locator("#stage .cell.own").count() == 4
    assert page.locator("#stage .legend").inner_text().count("\n") <= 3


def test_step_7_says_the_answer_and_where_to_go(learn):
    page = learn("step=7")
    assert not page.locator("#more").is_visible()
    page.locator("#answers .answer").first.click()
    assert page.locator("#more .answer-lines li").count() == 5
    assert page.locator(".doors a").count() == 0
    assert page.locator(".doors code").all_inner_texts()[2] == "onebyone slide --help"
    page = learn("step=7&shown=1", docs="../docs/")
    links = page.locator(".doors a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    names = "tutorials/index", "rewriting-modules", "every-window"
    assert links == [f"../docs/{name}.html" for name in names]
    turn(page, "step=3&shown=1")
    assert page.locator("#more a").get_attribute("href") == "../docs/statements.html#s12"


BAD = [
    "step=0", "step=8", "step=x", "step=", "step=1e0", "%", "colour=red", "shown=2", "__proto__=1",
    "step=1&at=4", "step=1&at=-1", "step=1&w=0.8,-0.5", "step=2&w=0.8", "step=2&w=9,9",
    "step=2&w=1,NaN", "step=3&run=x", "step=3&run=t99", "step=3&run=t30t31", "step=3&run=t1e3",
    "step=4&flips=32", "step=4&flips=", "step=5&h=7", "step=5&h=1", "step=6&way=other",
    "step=7&relu=1.0", "<script>alert(1)</script>", "step=3&run=<img src=x onerror=alert(1)>",
    "step=1&at=" + "1" * 10_000, "step=3&run=" + "u" * 5000, "step=constructor", "toString=1",
]  # fmt: skip


def test_a_link_that_is_not_of_the_lesson_is_said_and_the_start_is_shown(learn):
    page = learn("step=2")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for bad in BAD:
        turn(page, bad)
        said = page.locator("#notice").inner_text()
        assert said.endswith("Shown is the first step."), bad[:40]
        assert len(said) < 130
        assert page.locator("#notice *").count() == 0
        assert title(page) == TITLES[0]
        turn(page, "step=2")
        assert page.locator("#notice").inner_text() == ""


def test_odd_links_of_a_step_are_shown(learn):
    page = learn("step=5&h=3&w=3&y=4&x=4&shown=1")
    assert page.locator("#stage .cell.pin").count() == 2
    turn(page, "shown=1&step=2&w=-0,-0.0")
    assert page.locator("#notice").inner_text() == ""
    assert not re.search(r"[-−]0(\.0*)?(?![\d.])", page.locator("#figure").inner_text())
    turn(page, "step=3&shown=1&run=rrruu")
    assert "still equal" in seen(page)
    turn(page, "step=3&shown=1&run=ut60")
    assert page.locator("[data-name=step]").is_disabled()


SMALL = """() => [...document.querySelectorAll("button, #steps a, #turn a, #controls label")]
    .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 36)
    .map(one => one.outerHTML)"""


@pytest.mark.parametrize("shown", ["", "&shown=1"])
def test_every_step_fits_a_phone(learn, shown):
    page = learn(viewport={"width": 390, "height": 844})
    for step in STEPS:
        largest = "&h=6&w=6" if step == 5 else ""
        turn(page, f"step={step}{shown}{largest}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, step
        assert page.evaluate(SMALL) == []


def test_a_finger_drags_the_corner(learn):
    page = learn("step=5&shown=1", viewport={"width": 390, "height": 844}, has_touch=True)
    page.locator("#stage [data-handle]").scroll_into_view_if_needed()
    box = page.locator("#stage [data-handle] circle").last.bounding_box()
    touch = page.context.new_cdp_session(page)
    at = lambda dx, dy: [{"x": box["x"] + 8 + dx, "y": box["y"] + 8 + dy}]  # noqa: E731 - local
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at(0, 0)})
    for share in (0.3, 0.6, 1):
        moved = at(75 * share, 50 * share)
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": moved})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert link(page).endswith("&h=4&w=5")


CONTRAST = """() => {
    const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgb = color => { probe.fillStyle = color; probe.clearRect(0, 0, 1, 1);
        probe.fillRect(0, 0, 1, 1); return [...probe.getImageData(0, 0, 1, 1).data]; };
    const light = color => rgb(color).slice(0, 3).map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
    const ground = one => { for (; one; one = one.parentElement) {
        const color = getComputedStyle(one).backgroundColor;
        if (rgb(color)[3] === 255) return color; } return "white"; };
    const low = [];
    const texts = "p, a, button, h1, h2, h3, td, th, label, b, span, li, code";
    for (const one of document.querySelectorAll(texts)) {
        const written = [...one.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (!one.checkVisibility() || !written) continue;
        if (one.disabled || one.closest(".unseen") || !one.getClientRects().length) continue;
        const [a, b] = [getComputedStyle(one).color, ground(one)].map(light);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) low.push([one.textContent.slice(0, 40), ratio]);
    }
    for (const cell of document.querySelectorAll("#stage svg g:has(> text)")) {
        const shape = cell.querySelector("rect, circle, polygon");
        const text = cell.querySelector("text:not(.label):not(.weight)");
        if (!shape || !text || cell.matches(".shut")) continue;
        const [a, b] = [getComputedStyle(text).fill, getComputedStyle(shape).fill].map(light);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 3) low.push([cell.outerHTML.slice(0, 80), ratio]);
    }
    return low; }"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_are_read_on_their_ground(learn, scheme):
    page = learn("step=1", color_scheme=scheme, reduced_motion="reduce")
    for fragment in (
        "step=1", "step=1&shown=1", "step=2&shown=1", "step=3&shown=1&run=ut3",
        "step=4&shown=1&flips=0,3", "step=5&shown=1&h=4&w=5", "step=6&shown=1&pad=1&way=slide",
        "step=6&shown=1&pad=1", "step=7&shown=1",
    ):  # fmt: skip
        turn(page, fragment)
        assert page.evaluate(CONTRAST) == [], fragment


UNNAMED = """() => [...document.querySelectorAll(
    "#stage svg, #stage [tabindex], #controls input, button")]
    .filter(one => !(one.getAttribute("aria-label") || one.labels?.length
        || one.textContent.trim()))
    .map(one => one.outerHTML)"""


def test_every_figure_is_said_in_words(learn):
    page = learn()
    assert page.locator("#figure").get_attribute("aria-describedby") == "words"
    assert page.locator("#seen").get_attribute("aria-live") == "polite"
    for step in STEPS:
        turn(page, f"step={step}&shown=1" + "&h=4" * (step == 5))
        words = page.locator("#words").text_content()
        assert len(words) > 80
        assert page.evaluate(UNNAMED) == []
        if step == 3:
            page.locator("[data-name=step]").click()
        else:
            page.locator("#stage [data-key][tabindex]").last.focus()
            page.keyboard.press("Enter")
        assert page.locator("#words").text_content() != words, step


def test_nothing_moves_for_whoever_wants_it_so(learn):
    for motion, moving in (("reduce", False), ("no-preference", True)):
        page = learn("step=1", reduced_motion=motion)
        page.locator("#skip").click()
        name = page.evaluate("getComputedStyle(document.querySelector('#why')).animationName")
        assert (name != "none") == moving


def test_the_handout_is_two_pages_with_all_steps(learn):
    page = learn("step=3&shown=1&run=ut9", docs="https://example.org")
    assert not page.locator("#handout").is_visible()
    pdf = page.pdf(format="A4", prefer_css_page_size=True, print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == 2
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("#screen").is_visible()
    sections = page.locator("#handout section[data-step]")
    assert [text.split(" ", 1)[1] for text in sections.locator("h2").all_inner_texts()] == TITLES
    for n in range(7):
        assert sections.nth(n).locator("svg").count() > 0
        assert len(sections.nth(n).locator(".seen").inner_text()) > 60
    assert page.locator("#handout [tabindex]").count() == 0
    assert page.locator("#handout [id]").count() == 0
    assert page.locator("#handout .answer-lines li").count() == 5


def test_a_notebook_shows_the_lesson_in_a_frame(watched, tmp_path):
    path = tmp_path / "notebook.html"
    frame = lesson()._repr_html_()
    script = (
        "document.querySelector('iframe').onload = () => document.documentElement.dataset.ready = 1"
    )
    path.write_text(f"<!doctype html>{frame}<script>{script}</script>", encoding="utf-8")
    page = watched(path)
    inside = page.frame_locator("iframe")
    inside.locator("#skip").click()
    inside.locator("#stage .cell[data-key=o2]").click()
    inside.locator("#next").click()
    assert TITLES[1] in inside.locator("#title").inner_text()
    inside.locator("#previous").click()
    assert "The bottom left output" in inside.locator("#seen").inner_text()


def test_the_file_and_the_call(tmp_path):
    found = lesson()
    assert isinstance(found, Lesson)
    assert found.html.startswith("<!doctype html>")
    assert not re.search(r"(src|href)=.https?:", found.html)
    found.save(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == found.html
    with pytest.raises(InputError, match=r"ends in \.html"):
        found.save("a.png")
    for docs in ("javascript:alert(1)", "data:text/html,x", "mailto:a@b"):
        with pytest.raises(InputError, match="docs="):
            lesson(docs)
    hostile = lesson("</script><script>alert(1)</script>").html
    assert "</script><script>alert" not in hostile
