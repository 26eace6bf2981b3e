"""The canvas of the figures as pixels: what the chart needs of it, drawn by Pillow."""

from PIL import Image, ImageDraw, ImageFont

from onebyone.figures.canvas import Length, Point

SCALE = 2  # pixels for each unit of length
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


class Raster:
    """A picture under construction with the interface of `figures.canvas.Canvas`."""

    def __init__(self, width: Length, height: Length) -> None:
        size = round(SCALE * width), round(SCALE * height)
        self.picture = Image.new("RGB", size, "#FFFFFF")
        self._draw = ImageDraw.Draw(self.picture)

    def rect(
        self, corner: Point, width: Length, height: Length, radius: Length, *, fill: str
    ) -> None:
        """Add a rectangle with rounded corners."""
        (x, y), far = corner, (corner[0] + width, corner[1] + height)
        box = (SCALE * x, SCALE * y, SCALE * far[0] - 1, SCALE * far[1] - 1)
        self._draw.rounded_rectangle(box, SCALE * radius, fill=fill)

    def wire(self, start: Point, end: Point, *, stroke: str) -> None:
        """Add a line."""
        self._draw.line([tuple(SCALE * n for n in point) for point in (start, end)], fill=stroke)

    def text(
        self,
        at: Point,
        words: str,
        size: Length,
        *,
        fill: str,
        text_anchor: str = "start",
        font_weight: str = "400",
    ) -> None:
        """Add a line of text; `at` is on its baseline."""
        font = ImageFont.load_default(SCALE * size)  # it has no multiplication sign
        bold = 0 if font_weight == "400" else 1
        place = (SCALE * at[0], SCALE * at[1])
        self._draw.text(
            place,
            words.replace("×", "x"),
            fill,
            font,
            ANCHORS[text_anchor],
            stroke_width=bold,
            stroke_fill=fill,
        )
