"""The lesson: the question in seven short steps, as one self-contained page."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from onebyone.errors import InputError
from onebyone.figures.page_sources import folder, style
from onebyone.figures.still import suffix_of
from onebyone.notebook import framed
from onebyone.template import SHARED, filled, import_map, script_json
from onebyone.writing import replacing

SCHEMES = ("", "file", "http", "https")


@dataclass(frozen=True)
class Lesson:
    """The lesson on whether a 1×1 convolution is a fully connected layer; a notebook shows it.

    Attributes:
        docs: where the documentation lies, as an address or relative to the page; without it the
            page names commands in the place of links.
    """

    docs: str | None = None

    @cached_property
    def html(self) -> str:
        """The page: one file that needs no network."""
        page, files = folder("page"), folder("lesson")
        parts = {
            "style": style(page.joinpath("drawing.css"), files.joinpath("lesson.css")),
            "docs": script_json(None if self.docs is None else self.docs.rstrip("/")),
            "modules": import_map(shared=SHARED, onebyone=page, lesson=files),
        }
        return filled(files.joinpath("lesson.html").read_text(encoding="utf-8"), parts)

    def save(self, path: str | Path) -> None:
        """Write the page to an .html file.

        Raises:
            InputError: the name ends otherwise.
        """
        path = Path(path)
        suffix_of(path, (".html",))
        with replacing(path) as temporary:
            temporary.write_text(self.html, encoding="utf-8")

    def _repr_html_(self) -> str:
        return framed(self.html, "Lesson: is a 1×1 convolution a fully connected layer?")


def lesson(docs: str | None = None) -> Lesson:
    """Return the lesson: the question in seven steps, each with a figure that one changes.

    Args:
        docs: where the documentation lies, for the links of the page: an address, or a folder
            relative to the page; without it the page names commands.

    Returns:
        the page, to save or to show in a notebook.

    Raises:
        InputError: `docs` is an address that no web page is found by.

    Example:
        >>> from onebyone.figures import lesson
        >>> page = lesson()
        >>> page.save("lesson.html")
    """
    if docs is not None and urlsplit(docs).scheme not in SCHEMES:
        raise InputError(f"docs={docs!r}: give an address that begins with https://, or a folder")
    return Lesson(docs)
