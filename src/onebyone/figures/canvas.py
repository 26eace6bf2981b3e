"""A still picture, written shape by shape as SVG; what it says is escaped by the writer."""

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

INK, MUTED, FAINT, LINE, CARD = "#1F2328", "#59636E", "#8C959F", "#D1D9E0", "#FFFFFF"
SANS = "Inter, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"

Length = int | float
Point = tuple[Length, Length]


class Canvas:
    """A picture under construction; lengths are in pixels.

    A shape's style is SVG's attributes, with underscores: fill, stroke, stroke_width,
    stroke_dasharray, opacity; of text also text_anchor, font_weight and font_family.
    """

    def __init__(self, width: Length, height: Length, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        sizes = {"width": _number(width), "height": _number(height)}
        box = "0 0 {width} {height}".format(**sizes)
        namespace = "http://www.w3.org/2000/svg"
        self._root = ElementTree.Element("svg", {"xmlns": namespace, "viewBox": box, **sizes})
        self._root.attrib |= {"role": "img", "font-family": SANS}
        ElementTree.SubElement(self._root, "title").text = title

    @property
    def svg(self) -> str:
        """The picture as SVG text."""
        return ElementTree.tostring(self._root, encoding="unicode")

    def rect(
        self, corner: Point, width: Length, height: Length, radius: Length, **style: str
    ) -> None:
        """Add a rectangle with rounded corners."""
        x, y = corner
        place = {"x": x, "y": y, "width": width, "height": height, "rx": radius}
        self._add("rect", place, style)

    def polygon(self, points: Iterable[Point], **style: str) -> None:
        """Add a closed shape."""
        path = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self._add("polygon", {"points": path}, style)

    def wire(self, start: Point, end: Point, **style: str) -> None:
        """Add a curve that leaves downwards and arrives from above: a cubic Bézier curve."""
        (x0, y0), (x1, y1) = start, end
        bend = 0.5 * (y1 - y0)
        numbers = map(_number, (x0, y0, x0, y0 + bend, x1, y1 - bend, x1, y1))
        path = "M{} {} C{} {} {} {} {} {}".format(*numbers)
        self._add("path", {"d": path, "fill": "none"}, style)

    def dot(self, center: Point, radius: Length, **style: str) -> None:
        """Add a disc."""
        self._add("circle", {"cx": center[0], "cy": center[1], "r": radius}, style)

    def text(self, at: Point, words: str, size: Length, **style: str) -> None:
        """Add a line of text; `at` is on its baseline."""
        self._add("text", {"x": at[0], "y": at[1], "font-size": size}, style).text = words

    def _add(
        self, tag: str, place: Mapping[str, Length | str], style: Mapping[str, str]
    ) -> ElementTree.Element:
        attributes = {k: v if isinstance(v, str) else _number(v) for k, v in place.items()}
        attributes |= {name.replace("_", "-"): value for name, value in style.items()}
        return ElementTree.SubElement(self._root, tag, attributes)


def _number(value: Length) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
