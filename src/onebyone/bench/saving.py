"""The results as files: the table in a page of the docs, JSON and the chart beside it."""

from pathlib import Path

from onebyone.bench.chart import TITLE, chart
from onebyone.bench.results import Results
from onebyone.bench.table import markdown
from onebyone.errors import InputError
from onebyone.writing import check_target, replacing

START, END = "<!-- bench: start -->", "<!-- bench: end -->"


def check_page(page: Path) -> None:
    """Find out, before the work starts, whether `save` will be able to write.

    Raises:
        InputError: the name does not end in .md, its folder cannot be written to, the page has no
            place for the table, or one of the others is there and not of a table of this page.
    """
    if page.suffix != ".md":
        raise InputError(f"--save {page}: give a name that ends in .md")
    sides = [*map(page.with_suffix, (".json", ".svg", ".png"))]
    for path in (page, *sides):
        check_target(path)
    _around(page)
    made = page.exists() and _picture(page) in page.read_text(encoding="utf-8")
    if there := [path for path in sides if path.exists() and not made]:
        raise InputError(f"--save {page}: {there[0]} is there and not of an earlier run; delete it")


def save(page: Path, results: Results) -> None:
    """Write the table between the page's marks, and .json, .svg and .png of its name beside it.

    A page that does not exist is made of the table alone.

    Args:
        page: a Markdown file.
        results: what goes into it.

    Raises:
        InputError: as `check_page`.
    """
    before, behind = _around(page)
    table = f"{before}{START}\n{markdown(results)}\n{_picture(page)}\n{END}{behind}"
    for suffix, text in ((".md", table), (".json", results.to_json())):
        with replacing(page.with_suffix(suffix)) as temporary:
            temporary.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    for suffix in (".svg", ".png"):
        with replacing(page.with_suffix(suffix)) as temporary:
            chart(results).save(temporary)


def _picture(page: Path) -> str:
    return f"![{TITLE}]({page.stem}.svg)"


def _around(page: Path) -> tuple[str, str]:
    """What stands before and behind the table."""
    if not page.exists():
        return "", "\n"
    before, start, rest = page.read_text(encoding="utf-8").partition(START)
    _, end, behind = rest.partition(END)
    if not start or not end:
        raise InputError(f"--save {page}: has no lines {START} and {END} for the table")
    return before, behind
