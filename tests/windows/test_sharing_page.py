"""The numbers of the page of what windows share, against crops' own numbers."""

import json
import re
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest

import onebyone as ob
from helpers.owned import touched
from helpers.sharing_cases import CASES, Case, of_150_layers
from onebyone.errors import InputError
from onebyone.windows.sharing_page import numbers, runs


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_shared_are_the_positions_that_padding_does_not_reach(case: Case) -> None:
    rows = {row.layer: row for row in case.report().rows}
    for axis in range(len(case.size)):
        reached = touched(case.model, case.window, axis)
        assert len(reached) >= 2  # the convolutions
        for name, mark in reached.items():
            assert rows[name].positions[axis] == len(mark)
            free = [position for position, reaches in enumerate(mark) if not reaches]
            a, b = rows[name].shared[axis]
            assert free == [*range(a, b)]


def test_operations_are_those_that_the_report_prints(case: Case) -> None:
    report = case.report()
    page = numbers(report)
    assert sum(layer["crops"] for layer in page["layers"]) == report.crops == page["crops"]
    assert sum(layer["here"] for layer in page["layers"]) == report.here == page["here"]
    assert page["summary"] == report.summary


@pytest.mark.parametrize("options", [{"padding": "image"}, {"memory": 30_000}, {}])
def test_every_window_is_in_a_piece(options: dict[str, Any]) -> None:
    report = ob.slide(CASES["bare"].model, (1, 16, 16), 1, **options).report(60, 50)
    for turns, count in zip(report.turns, report.grid, strict=True):
        assert {i for turn in turns for i in range(*turn)} == {*range(count)}
    assert prod(map(len, report.turns)) == report.pieces
    assert (report.pieces > 1) == bool(options)


def test_runs_hold_every_layer_once_and_end_where_lattices_or_sharing_do() -> None:
    rows = CASES["padded"].report().rows
    assert runs(rows) == [(0, 1), (1, 2), (2, 3), (3, 5), (5, 6)]
    ended = [replace(rows[0], ended="for its cost"), rows[0]]
    assert runs([rows[0], rows[0], *ended]) == [(0, 2), (2, 4)]
    assert runs([]) == []


@pytest.mark.parametrize("name", ["</script><img src=x onerror=alert(1)>", "{{data}} & \"'<!--"])
def test_no_name_ends_the_data(name: str) -> None:
    report = ob.slide(CASES["bare"].model, (1, 16, 16), 2).report(32, 32)
    html = replace(report, rows=(replace(report.rows[0], layer=name), *report.rows[1:])).html
    assert html.count("</script>") == 3
    assert "<img src" not in html
    text = re.search(r'<script id="data" type="application/json">(.*?)</script>', html)[1]
    assert json.loads(text)["layers"][0]["name"] == name


def test_150_layers_are_a_small_page() -> None:
    report = of_150_layers()
    assert len(report.rows) > 300
    assert len(report.html) < 10**6


def test_save_writes_the_page_and_nothing_else(tmp_path: Path) -> None:
    report = ob.slide(CASES["bare"].model, (1, 16, 16), 4).report(32, 32)
    report.save(tmp_path / "sharing.HTML")
    assert (tmp_path / "sharing.HTML").read_text(encoding="utf-8") == report.html
    for name in ("sharing.png", "sharing"):
        with pytest.raises(
            InputError, match=r"^path='.*sharing.*': give a name that ends in .html$"
        ):
            report.save(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"none/sharing\.html"):
        report.save(tmp_path / "none" / "sharing.html")
    assert [path.name for path in tmp_path.iterdir()] == ["sharing.HTML"]


def test_a_notebook_shows_the_page() -> None:
    report = ob.slide(CASES["bare"].model, (1, 16, 16), 4).report(32, 32)
    shown = report._repr_html_()
    assert shown.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert "sharing/main" in shown
    assert "<script" not in shown
