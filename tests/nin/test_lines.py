import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebyone import nin
from onebyone.errors import InputError

SURE = 20.0


def blank_map(ny: int, nx: int) -> np.ndarray:
    scores = np.zeros((11, ny, nx))
    scores[nin.BACKGROUND] = SURE
    return scores


def put(scores: np.ndarray, digit: int, rows: slice, columns: slice) -> None:
    scores[:, rows, columns] = 0
    scores[digit, rows, columns] = SURE


def test_lines_are_read_from_the_top_and_from_the_left() -> None:
    scores = blank_map(30, 40)
    put(scores, 7, slice(3, 6), slice(20, 23))
    put(scores, 1, slice(5, 7), slice(3, 6))
    put(scores, 4, slice(4, 6), slice(12, 15))
    put(scores, 0, slice(16, 18), slice(30, 33))
    put(scores, 9, slice(15, 18), slice(6, 8))
    assert nin.read_lines(scores) == ["147", "90"]


def test_one_digit_is_found_once_at_its_middle() -> None:
    scores = blank_map(9, 9)
    put(scores, 3, slice(3, 6), slice(2, 5))
    assert [(f.row, f.column, f.label) for f in nin.find_digits(scores)] == [(4, 3, 3)]


def test_neighbours_three_windows_apart_are_two_digits() -> None:
    scores = blank_map(9, 12)
    put(scores, 1, slice(3, 6), slice(3, 5))
    put(scores, 1, slice(3, 6), slice(6, 8))
    assert nin.read_lines(scores) == ["11"]


def test_windows_vote_on_the_digit() -> None:
    scores = blank_map(9, 9)
    put(scores, 8, slice(3, 6), slice(3, 6))
    put(scores, 3, slice(4, 5), slice(4, 5))
    assert nin.read_lines(scores) == ["8"]


def test_digit_in_the_corner_is_found() -> None:
    scores = blank_map(9, 9)
    put(scores, 2, slice(0, 2), slice(0, 2))
    assert nin.read_lines(scores) == ["2"]


def test_blank_map_has_no_lines() -> None:
    assert nin.read_lines(blank_map(5, 6)) == []


def test_map_without_eleven_classes_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(10, 4, 4\)"):
        nin.find_digits(np.zeros((10, 4, 4)))


@pytest.mark.parametrize(
    ("a", "b", "edits"),
    [
        ("", "", 0),
        ("123", "123", 0),
        ("123", "13", 1),
        ("13", "123", 1),
        ("173", "123", 1),
        ("", "42", 2),
        ("321", "123", 2),
    ],
)
def test_edit_distance(a: str, b: str, edits: int) -> None:
    assert nin.edit_distance(a, b) == edits


texts = st.text("0123", max_size=8)


@given(texts, texts, texts)
def test_edit_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert nin.edit_distance(a, b) == nin.edit_distance(b, a)
    assert (nin.edit_distance(a, b) == 0) == (a == b)
    assert nin.edit_distance(a, c) <= nin.edit_distance(a, b) + nin.edit_distance(b, c)


def test_share_right_counts_missing_and_surplus_lines() -> None:
    assert nin.share_right(["12", "34"], ["12", "34"]) == 1
    assert nin.share_right(["12"], ["12", "34"]) == 0.5
    assert nin.share_right(["12", "34", "5"], ["12", "34"]) == 0.75
