"""Selections from texts and from mappings, and what they must name."""

import numpy as np
import pytest

from onebyone.errors import InputError
from onebyone.scans.sources.opening import open_source
from onebyone.scans.sources.selecting import check_select, parse_select


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], {}),
        (["C=0,2", "Z=5"], {"C": [0, 2], "Z": [5]}),
        (["C=0,2;Z=5"], {"C": [0, 2], "Z": [5]}),
        (["Z=5,T=0"], {"Z": [5], "T": [0]}),
        ([" Z = 5 ; C= 2 , 0 "], {"Z": [5], "C": [2, 0]}),
        (["band=3"], {"band": [3]}),
    ],
)
def test_texts(texts, expected):
    assert parse_select(texts) == expected


@pytest.mark.parametrize("text", ["", "C", "5", "C=", "=5", "C=-1", "C=1.5", "C=a", "C=1,,2"])
def test_texts_that_say_something_else(text):
    with pytest.raises(InputError, match="give AXIS=NUMBER"):
        parse_select([text])


def test_an_axis_that_is_named_twice():
    with pytest.raises(InputError, match="axis C is named twice"):
        parse_select(["C=0", "C=1"])


def test_mappings():
    given = {"C": [0, 2], "Z": 5, "T": np.int64(0), "b": np.array([1, 3]), "r": range(2)}
    expected = {"C": (0, 2), "Z": (5,), "T": (0,), "b": (1, 3), "r": (0, 1)}
    assert check_select(given) == expected
    assert check_select(None) == {}


@pytest.mark.parametrize("given", [-1, 1.5, "2", [True], [], [0, 0], None, [[1]], [0, -2]])
def test_places_that_are_none(given):
    with pytest.raises(InputError, match=r"^select=\{'C': .*C takes"):
        check_select({"C": given})


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ({"C": 3}, "has no C=3; its axes are C=3, Y=40, X=50, counted from 0"),
        ({"Z": 0}, "has no axis Z, its axes are C, Y, X"),
        ({"Y": 0}, "Y is an axis of the image"),
    ],
)
def test_what_does_not_exist(select, message):
    with pytest.raises(InputError, match=message):
        open_source(np.zeros((3, 40, 50)), select)
