"""A still picture as a PNG image, drawn by Pillow."""

import io
from functools import cache
from itertools import pairwise
from math import dist

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from onebyone.figures.canvas import Canvas, Dot, Point, Polygon, Rect, Style, Text, Wire

SCALE = 2
"""Pixels of the image per unit of the picture."""
FINER = 3
"""Shapes are drawn so many times larger and averaged, which smooths their edges."""
T = np.linspace(0, 1, 25)
BERNSTEIN = np.stack([(1 - T) ** 3, 3 * T * (1 - T) ** 2, 3 * T**2 * (1 - T), T**3], axis=1)
"""What each of the four controls of a cubic curve adds to 25 points on it."""

FONTS = {
    (False, False): ("Inter-Regular", "Arial", "LiberationSans-Regular", "DejaVuSans"),
    (True, False): ("Inter-SemiBold", "Arial Bold", "LiberationSans-Bold", "DejaVuSans-Bold"),
    (False, True): ("Menlo-Regular", "consola", "DejaVuSansMono", "LiberationMono-Regular"),
}
"""Fonts by (bold, of one width); the first one that is installed."""
PLAIN = str.maketrans("×−µ", "x-u")
"""What the font that Pillow brings along lacks."""

Color = tuple[int, ...]


def to_png(canvas: Canvas) -> bytes:
    """Return a picture as the bytes of a PNG file, on white, SCALE times as large."""
    zoom = SCALE * FINER
    size = (round(canvas.width * zoom), round(canvas.height * zoom))
    image = Image.new("RGB", size, "white")
    pen = _Pen(ImageDraw.Draw(image, "RGBA"), zoom)
    for shape in canvas.shapes:
        match shape:
            case Rect():
                pen.rect(shape)
            case Polygon():
                pen.polygon(shape)
            case Wire():
                pen.wire(shape)
            case Dot():
                pen.dot(shape)
            case Text():
                pen.text(shape)
    written = io.BytesIO()
    image.reduce(FINER).save(written, "PNG", optimize=True)
    return written.getvalue()


class _Pen:
    """Draws shapes `zoom` times as large as they are."""

    def __init__(self, draw: ImageDraw.ImageDraw, zoom: int) -> None:
        self._draw = draw
        self._zoom = zoom

    def rect(self, shape: Rect) -> None:
        width, half = self._stroke(shape.style)
        x, y = self._at(shape.corner)
        right, bottom = x + shape.width * self._zoom, y + shape.height * self._zoom
        # A stroke lies half outside in SVG, wholly inside in Pillow.
        box = (x - half, y - half, max(x, right + half - 1), max(y, bottom + half - 1))
        fill, stroke = _color(shape.style, "fill"), _color(shape.style, "stroke")
        radius = shape.radius * self._zoom + half
        self._draw.rounded_rectangle(box, radius, fill, stroke, width)

    def polygon(self, shape: Polygon) -> None:
        points = [self._at(point) for point in shape.points]
        self._draw.polygon(points, _color(shape.style, "fill"))
        self._line([*points, *points[:2]], shape.style)

    def wire(self, shape: Wire) -> None:
        points = [self._at(point) for point in _curve(shape.controls)]
        for part in _dashes(points, self._pattern(shape.style)):
            self._line(part, shape.style)

    def dot(self, shape: Dot) -> None:
        x, y = self._at(shape.center)
        r = shape.radius * self._zoom
        self._draw.ellipse((x - r, y - r, x + r, y + r), _color(shape.style, "fill"))

    def text(self, shape: Text) -> None:
        style = shape.style
        font, complete = _font(
            style.get("font_weight") == "600", "mono" in style, round(shape.size * self._zoom)
        )
        words = shape.words if complete else shape.words.translate(PLAIN)
        anchor = {"middle": "ms", "end": "rs"}.get(style.get("text_anchor", ""), "ls")
        self._draw.text(self._at(shape.at), words, _color(style, "fill"), font, anchor)

    def _at(self, point: Point) -> Point:
        return point[0] * self._zoom, point[1] * self._zoom

    def _stroke(self, style: Style) -> tuple[int, float]:
        width = float(style.get("stroke_width", 1)) * self._zoom if "stroke" in style else 0
        return round(width), width / 2

    def _line(self, points: list[Point], style: Style) -> None:
        if color := _color(style, "stroke"):
            self._draw.line(points, color, self._stroke(style)[0])

    def _pattern(self, style: Style) -> tuple[float, ...]:
        return tuple(float(n) * self._zoom for n in style.get("stroke_dasharray", "").split())


def _color(style: Style, name: str) -> Color | None:
    value = style.get(name, "none")
    if value == "none":
        return None
    return (*ImageColor.getrgb(value), round(255 * float(style.get("opacity", 1))))


@cache
def _font(bold: bool, mono: bool, size: int) -> tuple[ImageFont.FreeTypeFont, bool]:
    """Return a font, and whether it has all signs."""
    for name in FONTS[bold, mono]:
        try:
            return ImageFont.truetype(f"{name}.ttf", size), True
        except OSError:
            continue
    return ImageFont.load_default(size), False  # type: ignore[return-value]  # given a size


def _curve(controls: tuple[Point, Point, Point, Point]) -> list[Point]:
    """Return points on a cubic Bézier curve."""
    return [(float(x), float(y)) for x, y in BERNSTEIN @ np.array(controls)]


def _dashes(points: list[Point], pattern: tuple[float, ...]) -> list[list[Point]]:
    """Return the parts of a line that a pattern (dash, gap) leaves; the whole one without."""
    if not pattern:
        return [points]
    dash, gap = pattern
    parts: dict[int, list[Point]] = {}
    along = 0.0
    for a, b in pairwise(points):
        if along % (dash + gap) < dash:
            parts.setdefault(int(along // (dash + gap)), [a]).append(b)
        along += dist(a, b)
    return list(parts.values())
