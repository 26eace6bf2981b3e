"""The page of what windows share, in a browser: its numbers are those of crops; its controls."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import onebyone as ob
from helpers.owned import owners, touched
from helpers.sharing_cases import CASES, Case, of_150_layers
from onebyone.windows import Report

Visit = Callable[..., Any]
FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Visit]:
    """Open the page of a report; at the end there must have been no error and no request."""
    troubles: list[str] = []
    pages = []

    def note(trouble: bool, text: str) -> None:
        if trouble:
            troubles.append(text)

    def visit(report: Report, **options: Any) -> Any:
        path = tmp_path / f"{len(pages)}.html"
        report.save(path)
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}} | options)
        pages.append(page)
        page.on("console", lambda message: note(message.type == "error", message.text))
        page.on("pageerror", lambda error: note(True, str(error)))
        page.on("dialog", lambda dialog: note(True, dialog.message))
        local = ("file:", "data:", "blob:")
        page.on("request", lambda asked: note(not asked.url.startswith(local), asked.url[:80]))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield visit
    for page in pages:
        page.close()
    assert troubles == []


@cache
def padded() -> Report:
    return CASES["padded"].report()


def move(page: Any, window: tuple[int, ...]) -> None:
    for axis, index in enumerate(window):
        page.locator(f"#window{axis}").fill(str(index))
    page.evaluate(FRAMES)


def choose(page: Any, index: int) -> None:
    page.locator(f"#rows [data-key=l{index}] .name").click()


def integers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text.replace(",", ""))]


def strips(page: Any) -> dict[int, list[int]]:
    """How many windows own each position of the strip of every layer."""
    rows = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll("#rows [data-key^=l]")].map((row) =>
        [row.dataset.key.slice(1), [...row.querySelectorAll("svg rect")].map(({ dataset }) =>
          [dataset.first, dataset.stop, dataset.owners].map(Number))]))"""
    )
    found: dict[int, list[int]] = {}
    for place, parts in rows.items():
        owned = found[int(place)] = []
        for first, stop, count in parts:
            assert first == len(owned)
            owned += [count] * (stop - first)
    return found


def hatched(page: Any) -> dict[int, list[bool]]:
    """Which positions of the strip of every layer are those of the edge, where any are shared."""
    rows = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll("#rows [data-key^=l]")].map((row) =>
        [row.dataset.key.slice(1), [...row.querySelectorAll("svg rect")].map((part) =>
          [part.dataset.stop - part.dataset.first, part.getAttribute("class")])]))"""
    )
    return {
        int(place): [name == "edge" for width, name in parts for _ in range(width)]
        for place, parts in rows.items()
        if all(name != "ended" for _, name in parts)
    }


def sayings(page: Any, layers: Sequence[int]) -> list[list[int]]:
    """The numbers that are said of each of some layers when it is chosen."""
    said = page.evaluate(
        """(layers) => layers.map((place) => {
        document.querySelector(`#rows [data-key=l${place}]`).click();
        return document.getElementById("seen").textContent; })""",
        layers,
    )
    return [integers(text) for text in said]


def said_of(same: Tensor, window: tuple[int, ...], edge: Tensor) -> list[int]:
    """The numbers that the page is to say of a layer in a window, from those of crops."""
    rank = len(window)
    counts = same.flatten(rank).sum(-1)
    others = int(same.flatten(0, rank - 1).any(0).sum()) - 1
    total, owned = counts.numel(), counts > 1
    found = [*window, total]
    if not others:
        return found
    found += [others, int(owned.sum()), int(counts.max())]
    if edge.any() and not edge.all():
        shared = int((edge & owned).sum())
        found += [int(edge.sum()), int((edge & ~owned).sum()), *([shared] if shared else [])]
    return found


def edges(case: Case) -> dict[str, Tensor]:
    """For each layer the positions that padding reaches along some axis."""
    rank = len(case.size)
    reached = [touched(case.model, case.window, axis) for axis in range(rank)]
    found = {}
    for name in reached[0]:
        marks = [torch.tensor(of_axis[name]) for of_axis in reached]
        shaped = [
            m.view([-1 if k == axis else 1 for k in range(rank)]) for axis, m in enumerate(marks)
        ]
        edge = shaped[0]
        for mark in shaped[1:]:
            edge = edge | mark
        found[name] = edge.expand([len(m) for m in marks])
    return found


@pytest.mark.parametrize("name", CASES)
def test_what_the_page_says_and_shows_is_what_crops_have_in_common(visit: Visit, name: str) -> None:
    case = CASES[name]
    report, rank = case.report(), len(case.size)
    torch.manual_seed(1)
    image = torch.randn(case.window[0], *case.size, dtype=torch.float64)
    common, edge = owners(case.model, image, case.window, case.stride), edges(case)
    places = {row.layer: place for place, row in enumerate(report.rows)}
    page = visit(report)
    windows = {
        tuple(min(n - 1, round(share * (n - 1))) for n in report.grid) for share in (0, 0.4, 1)
    }
    for window in windows:
        move(page, window)
        same = {layer: common[layer][window] for layer in edge}
        said = sayings(page, [places[layer] for layer in edge])
        assert said == [said_of(same[layer], window, edge[layer]) for layer in edge]
        for axis in range(rank):
            page.evaluate(f"document.querySelectorAll('#axes input')[{axis}].click()")
            shown = strips(page)
            for layer, of_layer in same.items():
                # Windows one above the other or side by side, at positions inside along others.
                middle = [n // 2 for n in of_layer.shape[:rank]]
                inside = [slice(None) if k == axis else middle[k] for k in range(rank)]
                beside = [slice(None) if k == axis else window[k] for k in range(rank)]
                assert shown[places[layer]] == of_layer[(*inside, *beside)].sum(-1).tolist()
    for axis in range(rank):
        page.evaluate(f"document.querySelectorAll('#axes input')[{axis}].click()")
        shown, reached = hatched(page), touched(case.model, case.window, axis)
        assert {layer: shown.get(places[layer], reached[layer]) for layer in reached} == reached


def test_operations_are_bars_and_numbers_of_the_report(visit: Visit) -> None:
    report = padded()
    page = visit(report)
    most = max(row.crops for row in report.rows)
    for place, row in enumerate(report.rows):
        widths = page.locator(f"#rows [data-key=l{place}] .bars i").evaluate_all(
            "bars => bars.map(bar => parseFloat(bar.style.width))"
        )
        expected = [100 * row.crops / most, 100 * row.here / most] if row.crops else []
        assert widths == pytest.approx(expected, rel=1e-4)
    assert page.locator("#summary").inner_text() == report.summary
    page.locator("summary").click()
    cells = [row.locator("th, td").all_inner_texts() for row in page.locator("tbody tr").all()]
    assert [(c[0], c[1]) for c in cells] == [(row.layer, row.operator) for row in report.rows]
    numbers = [(int(c[5].replace(",", "")), int(c[6].replace(",", ""))) for c in cells]
    assert numbers == [(row.crops, row.here) for row in report.rows]
    total = page.locator("tfoot td").all_inner_texts()
    assert total == [f"{report.crops:,}", f"{report.here:,}", f"{report.ratio:.1f}×", ""]


def test_a_layer_has_its_shapes_its_lattice_and_where_sharing_ends(visit: Visit) -> None:
    page = visit(padded())
    choose(page, 1)
    told = page.locator("#lattice").inner_text()
    assert "3×8×10" in told
    assert "down: 8 positions: 1–6 shared, 1 + 1 edge" in told
    assert "across: 10 positions: 1–8 shared, 1 + 1 edge" in told
    assert "position p of window i at place 2i + p − 1" in told
    assert "windows 2 places apart, positions 1 place; a place is 2 pixels" in told
    assert (
        "Sharing ends at 3: padding reaches every position, along axis 0"
        in page.locator("#rows").inner_text()
    )
    assert "3 (conv2d): padding reaches" in page.locator("#ends").inner_text()
    page.locator("#rows [data-key=l0] svg rect").first.hover()
    tip = page.locator("#tip").inner_text().splitlines()
    assert tip[:2] == ["0 (conv2d)", "one window: 3×16×20"]
    assert tip[-1] == "position 0: this window's alone"


def test_the_window_is_dragged_and_moved_by_keys(visit: Visit) -> None:
    page = visit(padded())
    grid = padded().grid
    box = page.locator("#stage").bounding_box()
    scale = box["width"] / 33
    held = page.locator("#window").bounding_box()
    x, y = held["x"] + 5, held["y"] + 5
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 100 * scale, y - 4 * scale, steps=3)
    page.mouse.up()
    page.evaluate(FRAMES)
    assert page.locator("#seen").inner_text().startswith(f"Window {grid[0] // 2 - 1}, 0 has 320")
    now = page.locator("#window").bounding_box()
    assert now["x"] == pytest.approx(box["x"], abs=1)
    assert now["width"] == pytest.approx(20 * scale, abs=1)
    page.mouse.move(x, y)  # let go: nothing follows
    page.locator("#stage").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    page.evaluate(FRAMES)
    assert page.locator("#seen").inner_text().startswith(f"Window {grid[0] // 2}, 2 ")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("ArrowLeft")
    page.evaluate(FRAMES)
    assert page.locator("#seen").inner_text().startswith("Window 0, 1 ")
    assert page.locator("#at1").inner_text() == f"1 of {grid[1] - 1}"


def test_150_layers_fold_and_unfold(visit: Visit) -> None:
    page = visit(of_150_layers())
    rows = page.locator("#rows > *")
    assert rows.count() < 12
    first = rows.first
    assert first.get_attribute("aria-expanded") == "false"
    assert "operators" in first.inner_text()
    first.focus()
    page.keyboard.press("ArrowRight")
    unfolded = rows.count()
    assert unfolded > 50
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.key") == "l0"
    page.keyboard.press("ArrowDown")
    assert page.locator("#layer-name").inner_text().startswith("1\n")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert rows.count() < 12
    page.keyboard.press("End")
    assert page.evaluate(
        "document.activeElement === document.querySelector('#rows').lastElementChild"
    )
    page.locator("#fold").click()
    assert rows.count() > len(of_150_layers().rows)
    page.locator("#fold").click()
    assert rows.count() < 12


def test_sums_of_a_folded_run_are_those_of_its_layers(visit: Visit) -> None:
    page = visit(of_150_layers())
    bar = page.locator("#rows > *").first.locator("i.work")
    (first, stop), *_ = json.loads(page.locator("#data").text_content())["runs"]
    here = sum(row.here for row in of_150_layers().rows[first:stop])
    crops = sum(row.crops for row in of_150_layers().rows[first:stop])
    width, other = (
        page.locator("#rows > *").first.locator(name).evaluate("bar => parseFloat(bar.style.width)")
        for name in ("i.work", "i.crops")
    )
    assert bar.count() == 1
    assert width / other == pytest.approx(here / crops, rel=1e-4)


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_it_fits_the_screen(visit: Visit, width: int, scheme: str) -> None:
    page = visit(of_150_layers(), viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.locator("#fold").click()
    page.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (integers(ground)[0] > 200) == (scheme == "light")


def test_positions_are_drawn_in_the_colours_of_their_owners(visit: Visit) -> None:
    page = visit(padded())
    choose(page, 0)
    corner, inside = page.evaluate(
        "() => { const c = document.getElementById('positions'), x = c.getContext('2d');"
        "const at = (s, t) => [...x.getImageData(s * c.width, t * c.height, 1, 1).data];"
        "return [at(0.01, 0.01), at(0.51, 0.51)]; }"
    )
    assert corner[0] > corner[2]  # orange, an edge
    assert inside[2] > inside[0]  # blue, owned by others


def test_on_paper_all_is_said(visit: Visit) -> None:
    page = visit(padded())
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("tbody tr").count() == len(padded().rows)
    assert page.locator("tbody tr").first.is_visible()
    assert page.locator("#sliders").is_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.locator("tbody tr").first.is_visible()


def test_names_are_text(visit: Visit) -> None:
    report = padded()
    name = "</script><img src=x onerror=alert(1)>"
    rows = tuple(
        replace(row, layer=f"{name}{k}", ended=row.ended and name)
        for k, row in enumerate(report.rows)
    )
    page = visit(replace(report, rows=rows))
    assert page.locator("#rows .name b").first.inner_text() == f"{name}0"
    page.locator("#rows .name b").first.hover()
    assert page.locator("img:not(#picture)").count() == 0


def test_pieces_share_nothing_with_each_other(visit: Visit) -> None:
    sliding = ob.slide(CASES["bare"].model, (1, 16, 16), 1, memory=30_000, verify=0)
    report = sliding.report(60, 20)
    assert report.pieces > 1
    page = visit(report)
    first = report.turns[0][0]
    choose(page, 0)
    move(page, (first[1] - 1, 0))  # the last of its piece
    strip = page.locator("#others").bounding_box()
    window = page.locator("#window").bounding_box()
    page.locator("#axes input[value='0']").check()
    assert max(strips(page)[0]) == min(first[1], 14)
    assert strip["y"] + strip["height"] == pytest.approx(window["y"] + window["height"], abs=1)
    assert f"in {report.pieces} pieces" in page.locator("#notes").inner_text()


def test_shifts_of_the_image(visit: Visit) -> None:
    sliding = ob.slide(CASES["padded"].model, (1, 16, 20), 2, padding="image", verify=0)
    report = sliding.report(28, 33)
    assert report.pieces == 4
    page = visit(report)
    choose(page, 0)
    move(page, (0, 0))
    others = (report.grid[0] + 1) // 2 * ((report.grid[1] + 1) // 2) - 1
    assert integers(page.locator("#seen").inner_text())[:4] == [0, 0, 320, others]
    assert "Zeros lie at the image's border only" in page.locator("#notes").inner_text()


def test_a_picture_lies_under_the_window(visit: Visit, tmp_path: Path) -> None:
    page = visit(padded())
    assert page.locator("#picture").is_hidden()
    dot = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    padded().save(tmp_path / "picture.html", dot)
    page.goto((tmp_path / "picture.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    picture, stage = (page.locator(name).bounding_box() for name in ("#picture", "#stage"))
    assert picture == stage
    assert page.locator("#picture").evaluate("picture => picture.naturalWidth") == 1


def test_one_window_shares_nothing(visit: Visit) -> None:
    page = visit(ob.slide(CASES["bare"].model, (1, 16, 16), 4, verify=0).report(16, 18))
    assert (
        page.locator("#seen").inner_text()
        == "Window 0, 0 has 196 positions at this layer, all its own."
    )
    page.locator("#stage").focus()
    page.keyboard.press("ArrowDown")
    page.evaluate(FRAMES)
    assert page.locator("#at0").inner_text() == "0 of 0"


def test_a_report_of_no_layers(visit: Visit) -> None:
    page = visit(replace(padded(), rows=()))
    assert page.locator("#rows > *").count() == 0
    page.locator("#stage").focus()
    page.keyboard.press("ArrowDown")
