"""Values of options."""

import pytest

from onebyone.cli.parsing import parse_bytes, parse_integers, parse_numbers, with_values
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


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("slide x.png --report --json", "slide x.png --report - --json"),
        ("slide x.png --report", "slide x.png --report -"),
        ("slide x.png --report - --json", "slide x.png --report - --json"),
        ("slide x.png --report a.html", "slide x.png --report a.html"),
        ("slide x.png --report=a.html", "slide x.png --report=a.html"),
        ("slide -- --report", "slide -- --report"),
        ("slide --report -- x.png", "slide --report - -- x.png"),
        ("scan x.png --report", "scan x.png --report"),
        ("", ""),
    ],
)
def test_an_option_that_stands_alone_gets_its_value(words, found):
    assert with_values(words.split()) == found.split()
