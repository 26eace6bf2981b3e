"""A small SVG writer: shapes are appended in drawing order, and text is escaped by the parser."""

from collections.abc import Iterable
from xml.etree import ElementTree

SANS = "Inter, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"
INK, MUTED, FAINT, LINE, CARD = "#1F2328", "#59636E", "#8C959F", "#D1D9E0", "#FFFFFF"

Length = int | float
Point = tuple[Length, Length]


class Canvas:
    """An SVG picture under construction; lengths are in pixels."""

    def __init__(self, width: Length, height: Length, title: str) -> None:
        self._root = ElementTree.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {_number(width)} {_number(height)}",
                "width": _number(width),
                "height": _number(height),
                "role": "img",
                "font-family": SANS,
            },
        )
        ElementTree.SubElement(self._root, "title").text = title

    def rect(
        self, corner: Point, width: Length, height: Length, radius: Length, **style: str
    ) -> None:
        """Add a rectangle with rounded corners."""
        x, y = corner
        box: dict[str, Length | str] = {
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "rx": radius,
        }
        self._add("rect", box, style)

    def polygon(self, points: Iterable[Point], **style: str) -> None:
        """Add a closed shape."""
        path = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self._add("polygon", {"points": path}, style)

    def wire(self, start: Point, end: Point, **style: str) -> None:
        """Add a curve that leaves downwards and arrives from above."""
        (x0, y0), (x1, y1) = start, end
        bend = 0.5 * (y1 - y0)
        numbers = (x0, y0, x0, y0 + bend, x1, y1 - bend, x1, y1)
        path = "M{} {} C{} {} {} {} {} {}".format(*map(_number, numbers))
        self._add("path", {"d": path, "fill": "none"}, style)

    def dot(self, center: Point, radius: Length, **style: str) -> None:
        """Add a disc."""
        self._add("circle", {"cx": center[0], "cy": center[1], "r": radius}, style)

    def text(self, at: Point, words: str, size: Length, **style: str) -> None:
        """Add a line of text; `at` is on its baseline."""
        element = self._add("text", {"x": at[0], "y": at[1], "font-size": size}, style)
        element.text = words

    def to_svg(self) -> str:
        """Return the picture as SVG text."""
        return ElementTree.tostring(self._root, encoding="unicode")

    def _add(
        self, tag: str, numbers: dict[str, Length | str], style: dict[str, str]
    ) -> ElementTree.Element:
        attributes = {k: v if isinstance(v, str) else _number(v) for k, v in numbers.items()}
        attributes |= {name.replace("_", "-"): value for name, value in style.items()}
        return ElementTree.SubElement(self._root, tag, attributes)


def _number(value: Length) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
