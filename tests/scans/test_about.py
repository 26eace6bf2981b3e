"""What a map says of itself, as strangers may have written it."""

import json

import pytest

from onebyone.scans.about import find_fault, is_whole, short

IMAGE = {
    "name": "slide.svs", "size": [60, 80], "shrink": [1.0, 2], "spacing": [0.5, 0.5],
    "place": {"crs": "EPSG:4326", "transform": [1, 0, 0, 0, -1.5, 0]},
}  # fmt: skip
TOLD = {
    "values": "scores", "window": [3, 8, 8], "stride": [4, 4], "datasets": ["scores"],
    "classes": ["a"], "image": IMAGE, "what newer versions say": {"x": 1},
}  # fmt: skip


def test_what_scans_write_is_right():
    assert find_fault(json.loads(json.dumps(TOLD)), 2) == ""
    for name in ("spacing", "place"):
        assert find_fault({**TOLD, "image": {**IMAGE, name: None}}, 2) == ""
    assert find_fault({**TOLD, "classes": None}, 2) == ""
    assert find_fault(TOLD, 3) == "its window is [3, 8, 8]"


STRANGE = [
    None, "8", 8, True, {}, [], [None], ["8", "8"], [0, 0], [-1, 2], [8.5, 8], [1] * 300,
    [2**64, 1], [float("nan"), 1], [float("inf"), 1], [10**400, 1], [True, True],
]  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE, ids=lambda value: str(value)[:20])
def test_what_cannot_be_is_named(strange):
    """Each word takes the place of each number, list and text, but where it may stand."""
    right = {"values": ["8"], "classes": [None, [], ["8", "8"]], "datasets": [["8", "8"]]}
    right_of_image = {"name": ["8"], "shrink": [[8.5, 8]], "spacing": [None, [8.5, 8]],
                      "place": [None]}  # fmt: skip
    for fields, whose, fitting in ((TOLD, "", right), (IMAGE, "image's ", right_of_image)):
        for name in fields.keys() - {"what newer versions say"}:
            changed = {**fields, name: strange}
            told = changed if not whose else {**TOLD, "image": changed}
            fault = find_fault(told, 2)
            if strange in fitting.get(name, []):
                assert fault == ""
            else:
                inner = name == "image" and strange == {}
                assert fault.startswith("its image's name" if inner else f"its {whose}{name} is ")
                assert len(fault) < 80


@pytest.mark.parametrize("place", [{}, {"crs": "x"}, {"crs": 1, "transform": [1] * 6},
                                   {"crs": "", "transform": [1] * 5 + ["1"]}])  # fmt: skip
def test_places_that_are_none(place):
    fault = find_fault({**TOLD, "image": {**IMAGE, "place": place}}, 2)
    assert fault.startswith("its image's place is {")


def test_what_is_shown_is_short_and_does_nothing_to_a_terminal():
    assert short("a\x1b[2J\nb") == "a?[2J?b"
    assert short("x" * 40) == "x" * 40
    assert short("x" * 41) == "x" * 16 + "…"


def test_whole_numbers():
    assert [n for n in (0, 1, -1, 1.0, True, 2**63, 2**63 - 1, "1", None) if is_whole(n)] == [
        1, 2**63 - 1,
    ]  # fmt: skip
