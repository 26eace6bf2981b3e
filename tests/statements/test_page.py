import doctest
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "statements.md"


def test_every_figure_on_the_page_is_computed():
    results = doctest.testfile(str(PAGE), module_relative=False)
    assert results.attempted > 10
    assert results.failed == 0


def test_the_page_names_a_test_for_each_statement():
    rows = re.findall(r"^\| S(\d+) .*`(test_\w+\.py)` \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 15))
    for number, name in rows:
        text = (Path(__file__).parent / name).read_text("utf-8")
        assert f"def test_s{int(number):02d}" in text
        assert f"def test_s{int(number):02d}_fails" in text
