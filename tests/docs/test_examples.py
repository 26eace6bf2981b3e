"""The documentation's examples run and print what they say; the example scripts run."""

import doctest
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "docs/layers.md",
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


def test_scripts_that_write_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["slide_image.py", str(tmp_path)])
    runpy.run_path(str(ROOT / "examples" / "slide_image.py"), run_name="__main__")
    assert list(tmp_path.iterdir())


def test_every_example_is_run() -> None:
    # answer.py is run by tests/figures, which compares the picture it makes.
    assert {p.name for p in (ROOT / "examples").glob("*.py")} == {"answer.py", "slide_image.py"}
