import numpy as np
import pytest

from onebyone import nin
from onebyone.errors import InputError


@pytest.fixture(scope="module")
def page() -> nin.Page:
    return nin.held_out_page()


def test_page_is_the_same_every_time(page: nin.Page) -> None:
    again = nin.held_out_page()
    assert (again.image == page.image).all()
    assert again.text == page.text


def test_page_is_large_enough_and_has_several_lines(page: nin.Page) -> None:
    assert page.image.shape == (560, 840)
    assert len(page.text) > 10
    assert sum(map(len, page.text)) == len(page.labels) > 250


def test_page_holds_held_out_digits_where_it_says(page: nin.Page) -> None:
    _, held_out = nin.load_digits()
    for centre, label in zip(page.centres, page.labels, strict=True):
        row, column = centre - 14
        written = page.image[row : row + 28, column : column + 28]
        same = held_out.labels == label
        # Neighbours only add ink, and none reaches the middle half of another digit.
        middle = held_out.images[:, 4:24, 10:18] == written[4:24, 10:18]
        assert (same & middle.all(axis=(1, 2))).any()


def test_neighbours_and_lines_keep_their_distance(page: nin.Page) -> None:
    steps = np.diff(page.centres, axis=0)
    within = np.diff(page.lines) == 0
    assert steps[within, 1].min() >= 14
    assert np.unique(steps[within, 1]).size > 10
    assert np.abs(steps[within, 0]).max() <= 6
    assert steps[~within, 0].min() >= 32


def test_page_without_room_is_refused() -> None:
    digits = nin.load_digits()[1]
    with pytest.raises(InputError, match=r"height, width = 20, 900: .* 56×112"):
        nin.lay_out(digits, 20, 900, np.random.default_rng(0))
