"""The documentation's examples run and print what they say; the example scripts run."""

import doctest
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "docs/equivalence.md",
    "docs/every-window.md",
    "docs/installation.md",
    "docs/layers.md",
    "docs/nin.md",
    "docs/picture.md",
    "docs/rewriting-modules.md",
    "docs/sliding.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(ROOT / page), module_relative=False, encoding="utf-8")
    assert tried > 3
    assert failed == 0


@pytest.mark.parametrize("words", [["slide_image.py"], ["faces.py", "1"]])
def test_scripts_that_write_files(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, *options = words
    monkeypatch.setattr(sys, "argv", [name, str(tmp_path), *options])
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    assert list(tmp_path.iterdir())


def test_every_example_is_run() -> None:
    # answer.py is run by tests/figures, which compares the picture it makes.
    run = {"answer.py", "faces.py", "slide_image.py"}
    assert {p.name for p in (ROOT / "examples").glob("*.py")} == run
