"""A still picture that can be saved, as SVG or as PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from onebyone.errors import InputError
from onebyone.figures.canvas import Canvas
from onebyone.figures.png import to_png
from onebyone.writing import replacing

STILLS = (".svg", ".png")


@dataclass(frozen=True, eq=False)
class Still:
    """A still picture; a notebook shows it by itself."""

    canvas: Canvas

    @cached_property
    def svg(self) -> str:
        """The picture as SVG text."""
        return self.canvas.svg

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG file, twice as large as the SVG says."""
        return to_png(self.svg)

    def save(self, path: str | Path) -> None:
        """Write the picture to an .svg or a .png file.

        Raises:
            InputError: the name ends otherwise.
        """
        path = Path(path)
        content = f"{self.svg}\n".encode() if suffix_of(path, STILLS) == ".svg" else self.png
        with replacing(path) as temporary:
            temporary.write_bytes(content)

    def _repr_svg_(self) -> str:
        return self.svg


def suffix_of(path: Path, known: Sequence[str]) -> str:
    """Return how a name ends, in small letters, if in a known way."""
    suffix = path.suffix.lower()
    if suffix not in known:
        raise InputError(f"path={str(path)!r}: give a name that ends in {' or '.join(known)}")
    return suffix
