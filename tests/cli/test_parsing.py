"""Values of options."""

import pytest

from onebyone.cli.parsing import parse_bytes, parse_integers, parse_numbers
from onebyone.errors import InputError


def test_lists_and_fractions():
    assert parse_integers("--window", "3,224, 224") == (3, 224, 224)
    assert parse_numbers("--mean", "0.5, 1e-3,1/4") == (0.5, 0.001, 0.25)
    assert parse_integers("--window", None) is parse_numbers("--mean", None) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("2GB", 2 * 10**9), ("500 MiB", 500 * 2**20), ("1.5k", 1500), ("1e6", 10**6), ("7b", 7)],
)
def test_sizes_in_bytes(text, size):
    assert parse_bytes("--memory", text) == size


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_integers, "3,a"),
        (parse_integers, ""),
        (parse_integers, "1.5"),
        (parse_numbers, "1/0"),
        (parse_numbers, "half"),
        (parse_numbers, "nan"),
        (parse_numbers, "1e400"),
        (parse_numbers, "1e999999999"),  # a fraction of which takes all memory
        (parse_numbers, "1/2/3"),
        (parse_bytes, "0"),
        (parse_bytes, "0.5"),
        (parse_bytes, "1e400"),
        (parse_bytes, "1e308TB"),
        (parse_bytes, "-1GB"),
        (parse_bytes, "2 bananas"),
    ],
)
def test_values_that_are_none(parse, text):
    with pytest.raises(InputError, match=f"--option {text}: give"):
        parse("--option", text)
