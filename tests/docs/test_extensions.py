"""What docs/extensions does to pages, on a small project of two pages."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXTENSIONS = Path(__file__).parents[2] / "docs" / "extensions"
PAGES = {
    "index.md": """# S7 in a title

S7 and S14 in words, `S3` in code, [S2](statements.md) in a link, S15 and BCS1, which are none.

A formula $M = W \\otimes I$ in a line.

$$\\frac{a}{b}$$

```python
print("S1")
```

```{toctree}
statements
```
""",
    "statements.md": """# Statements

S2 in words.

| | statement | lesson |
|---|---|---|
| S1 | one position, see S2 | step 2 |
| S2 | many positions | step 3, step 4 |
| S7 | the nearest | |
| S14 | folding | |

| | test |
|---|---|
| S7 | a second table |
""",
}
CONFIGURATION = f"""
import sys

sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["myst_parser", "formulas", "statement_links"]
myst_enable_extensions = ["dollarmath"]
html_math_renderer = "mathml"
"""


def build(folder: Path, pages: dict[str, str]) -> tuple[dict[str, str], str]:
    """Build in a process of its own, as Sphinx is set up once in each."""
    source, made = folder / "source", folder / "html"
    source.mkdir()
    for name, text in {**pages, "conf.py": CONFIGURATION}.items():
        (source / name).write_text(text, "utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html"]
    run = subprocess.run([*command, source, made], capture_output=True, text=True, check=False)
    return {path.stem: path.read_text("utf-8") for path in made.glob("*.html")}, run.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    pages, errors = build(tmp_path_factory.mktemp("docs"), PAGES)
    assert errors == ""
    return pages


def links(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<a class="reference internal" href="([^"]*)">(S\d+|step \d)</a>', page)


def test_statements_in_words_are_links(built: dict[str, str]) -> None:
    index = built["index"]
    assert links(index) == [("statements.html#s7", "S7"), ("statements.html#s14", "S14")]
    assert "BCS1" in index


def test_each_statement_has_an_address(built: dict[str, str]) -> None:
    page = built["statements"]
    assert [page.count(f'id="s{n}"') for n in (1, 2, 7, 14)] == [1] * 4
    names = [link for link in links(page) if link[1].startswith("S")]
    assert names == [("#s2", "S2"), ("#s2", "S2")]  # in words, and in the row of S1


def test_steps_are_links_to_the_lesson(built: dict[str, str]) -> None:
    steps = [link for link in links(built["statements"]) if link[1].startswith("step")]
    assert steps == [(f"lesson.html#step={n}", f"step {n}") for n in (2, 3, 4)]


def test_formulas_are_mathml_without_scripts(built: dict[str, str]) -> None:
    page = built["index"]
    assert page.count("<math ") == 2
    assert "<mfrac>" in page
    assert not re.search("<script[^>]*mathjax", page, re.IGNORECASE)


def test_a_formula_that_cannot_be_read_fails_the_build(tmp_path: Path) -> None:
    _, errors = build(tmp_path, PAGES | {"index.md": PAGES["index.md"] + "\n$\\nosuchcommand$\n"})
    assert "nosuchcommand" in errors


def test_a_notebook_alone_has_no_links_to_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXTENSIONS))
    import notebook_downloads

    cells = [
        {
            "cell_type": "markdown",
            "source": ["See [speed](../speed.md#scans), [x](https://x.org)."],
        },
        {"cell_type": "code", "source": "m[0](a.md)"},
    ]
    alone = json.loads(notebook_downloads._alone(json.dumps({"cells": cells})))
    assert alone["cells"][0]["source"] == "See speed, [x](https://x.org)."
    assert alone["cells"][1] == cells[1]
