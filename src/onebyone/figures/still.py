"""A still picture that can be saved, as SVG or as PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from onebyone.errors import InputError
from onebyone.figures.canvas import Canvas
from onebyone.figures.png import to_png
from onebyone.figures.svg import to_svg

STILLS = (".svg", ".png")


@dataclass(frozen=True, eq=False)
class Still:
    """A still picture; a notebook shows it by itself."""

    canvas: Canvas

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text."""
        return to_svg(self.canvas)

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG file, twice as large as the SVG says."""
        return to_png(self.canvas)

    def save(self, path: str | Path) -> None:
        """Write the picture to an .svg or a .png file.

        Raises:
            InputError: the name ends otherwise.
        """
        path = Path(path)
        if suffix_of(path, STILLS) == ".svg":
            path.write_text(self.svg + "\n", encoding="utf-8")
        else:
            path.write_bytes(self.png)

    def _repr_svg_(self) -> str:
        return self.svg


def suffix_of(path: Path, known: Sequence[str]) -> str:
    """Return how a name ends.

    Raises:
        InputError: in no known way.
    """
    if path.suffix not in known:
        raise InputError(f"path={str(path)!r}: give a name that ends in {' or '.join(known)}")
    return path.suffix
