"""What errors of other libraries say in ours."""

import pytest

from onebyone.errors import first_line


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("one\ntwo", "one"),
        ("\n  one\n ", "one"),
        ("", "ValueError"),
        (" \n", "ValueError"),
        ("a\x1b[31mb", "a?[31mb"),
        ("x" * 999, "x" * 300),
    ],
)
def test_one_printable_line_whatever_it_says(said, line):
    assert first_line(ValueError(said)) == line
