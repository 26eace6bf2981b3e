"""A still picture as a list of shapes in drawing order, for `svg` and `png` to write."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

INK, MUTED, FAINT, LINE, CARD = "#1F2328", "#59636E", "#8C959F", "#D1D9E0", "#FFFFFF"

Length = int | float
Point = tuple[Length, Length]
Style = Mapping[str, str]
"""SVG's attributes, with underscores: fill, stroke, stroke_width, stroke_dasharray, opacity; of
text also text_anchor, font_weight and mono."""


@dataclass(frozen=True)
class Rect:
    """A rectangle with rounded corners."""

    corner: Point
    width: Length
    height: Length
    radius: Length
    style: Style


@dataclass(frozen=True)
class Polygon:
    """A closed shape."""

    points: tuple[Point, ...]
    style: Style


@dataclass(frozen=True)
class Wire:
    """A curve that leaves downwards and arrives from above: a cubic Bézier curve."""

    start: Point
    end: Point
    style: Style

    @property
    def controls(self) -> tuple[Point, Point, Point, Point]:
        """Its two ends and, between them, what it bends towards."""
        (x0, y0), (x1, y1) = self.start, self.end
        bend = 0.5 * (y1 - y0)
        return self.start, (x0, y0 + bend), (x1, y1 - bend), self.end


@dataclass(frozen=True)
class Dot:
    """A disc."""

    center: Point
    radius: Length
    style: Style


@dataclass(frozen=True)
class Text:
    """A line of text; `at` is on its baseline."""

    at: Point
    words: str
    size: Length
    style: Style


Shape = Rect | Polygon | Wire | Dot | Text


@dataclass
class Canvas:
    """A picture under construction; lengths are in pixels."""

    width: Length
    height: Length
    title: str
    shapes: list[Shape] = field(default_factory=list)

    def rect(
        self, corner: Point, width: Length, height: Length, radius: Length, **style: str
    ) -> None:
        """Add a rectangle with rounded corners."""
        self.shapes.append(Rect(corner, width, height, radius, style))

    def polygon(self, points: Iterable[Point], **style: str) -> None:
        """Add a closed shape."""
        self.shapes.append(Polygon(tuple(points), style))

    def wire(self, start: Point, end: Point, **style: str) -> None:
        """Add a curve that leaves downwards and arrives from above."""
        self.shapes.append(Wire(start, end, style))

    def dot(self, center: Point, radius: Length, **style: str) -> None:
        """Add a disc."""
        self.shapes.append(Dot(center, radius, style))

    def text(self, at: Point, words: str, size: Length, **style: str) -> None:
        """Add a line of text; `at` is on its baseline."""
        self.shapes.append(Text(at, words, size, style))
