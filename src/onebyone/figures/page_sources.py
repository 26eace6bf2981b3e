"""The sources of pages in this package."""

from importlib import resources
from importlib.resources.abc import Traversable


def folder(name: str) -> Traversable:
    """Return a folder of page sources in this package."""
    return resources.files("onebyone.figures").joinpath(name)


def style(*files: Traversable) -> str:
    """Return style sheets one after the other."""
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
