"""A comparison of a layer's forms as a bar chart."""

from textwrap import wrap

from onebyone.figures.canvas import CARD, FAINT, INK, LINE, MUTED, Canvas
from onebyone.figures.palette import BASE
from onebyone.figures.still import Still
from onebyone.layers import Comparison
from onebyone.layers.comparison import FormRow
from onebyone.wording import si

WIDTH, MARGIN, HEAD, ROW, FOOT = 860.0, 28.0, 118.0, 34.0, 92.0
NAME, BARS = 240.0, 236.0
"""Widths of a form's name and of the longest bar."""
COLUMNS = (("weights", 640.0), ("operations", 736.0), ("bytes", WIDTH - MARGIN))
ALIKE, OTHER = BASE[0], FAINT
LINE_OF_ADVICE = 118  # characters


def bars(comparison: Comparison) -> Still:
    """Return the times of a layer's forms as bars, beside what each stores and moves.

    A bar is the median time, the line on it reaches from the first to the third quartile. Blue
    forms have the same weights as the layer, so that training keeps them equal to it (S12).
    """
    rows = comparison.rows
    height = HEAD + ROW * len(rows) + FOOT
    canvas = Canvas(WIDTH, height, f"{comparison.layer}: its forms compared")
    canvas.rect((0.5, 0.5), WIDTH - 1, height - 1, 14, fill=CARD, stroke=LINE, stroke_width="1")
    _draw_head(canvas, comparison)
    slowest = max(row.spread[1] for row in rows if row.spread is not None)
    for n, row in enumerate(rows):
        best = row is comparison.fastest
        _draw_row(canvas, HEAD + ROW * n, row, BARS / slowest, best)
    _draw_foot(canvas, HEAD + ROW * len(rows), comparison.advice)
    return Still(canvas)


def _draw_head(canvas: Canvas, comparison: Comparison) -> None:
    title = comparison.layer[0].upper() + comparison.layer[1:]
    grids = f"{comparison.input} to {comparison.output}, batch {comparison.batch}"
    threads = f"{comparison.threads} thread{'s' * (comparison.threads != 1)}"
    words = f"{grids}; median of {comparison.rounds} runs on {comparison.device}, {threads}"
    canvas.text((MARGIN, 44), title, 18, font_weight="600", fill=INK)
    canvas.text((MARGIN, 66), words, 12.5, fill=MUTED)
    for name, right in COLUMNS:
        canvas.text((right, HEAD - 12), name, 11.5, text_anchor="end", fill=MUTED)
    canvas.text((MARGIN + NAME, HEAD - 12), "time of one batch", 11.5, fill=MUTED)


def _draw_row(canvas: Canvas, top: float, row: FormRow, scale: float, best: bool) -> None:
    line = top + ROW / 2 + 4
    style = {"font_weight": "600"} if best else {}
    canvas.text((MARGIN, line), row.form, 13, fill=INK, **style)
    for name, right in COLUMNS:
        value = getattr(row, name)
        canvas.text((right, line), si(value), 12.5, text_anchor="end", fill=MUTED)
    left = MARGIN + NAME
    if row.seconds is None or row.spread is None:
        canvas.text((left, line), "too large to run here", 12.5, fill=MUTED)
        return
    length = max(2.0, row.seconds * scale)
    color = ALIKE if row.trains_alike else OTHER
    canvas.rect((left, top + 8), length, ROW - 16, 3, fill=color)
    first, third = (left + value * scale for value in row.spread)
    canvas.rect((first, top + ROW / 2 - 0.75), max(1.5, third - first), 1.5, 0, fill=INK)
    canvas.text(
        (max(left + length, third) + 8, line), f"{si(row.seconds)}s", 12.5, fill=INK, **style
    )


def _draw_foot(canvas: Canvas, top: float, advice: str) -> None:
    canvas.rect((MARGIN, top + 10), WIDTH - 2 * MARGIN, 1, 0, fill=LINE)
    x = MARGIN
    for color, words in (
        (ALIKE, "the layer's own weights"),
        (OTHER, "more weights than the layer"),
    ):
        canvas.rect((x, top + 24), 12, 12, 3, fill=color)
        canvas.text((x + 18, top + 34), words, 12.5, fill=MUTED)
        x += 190
    for n, line in enumerate(wrap(advice[0].upper() + advice[1:] + ".", LINE_OF_ADVICE)):
        canvas.text((MARGIN, top + 58 + 18 * n), line, 12.5, fill=INK)
