"""The results as a chart: for each case the speed-up beside the ratio of operations."""

from math import log10

from onebyone.bench.results import CaseResult, Results
from onebyone.bench.table import NAMES, conditions
from onebyone.figures.canvas import CARD, INK, LINE, MUTED, Canvas, Length
from onebyone.figures.still import Still

WIDTH, LEFT, RIGHT, TOP, ROW = 760, 190, 70, 74, 26
BAR, MARK = "#0072B2", "#D55E00"


TITLE = "Every window of an image: times faster than running crops"


def chart(results: Results) -> Still:
    """A bar for each case: how many times faster than the best crops, logarithmic.

    The mark on each line is the ratio of operations, the limit. The card has a ground of its own,
    so it reads the same on a light and on a dark page.
    """
    cases = [case for case in results.cases if not case.skipped and case.speedup() is not None]
    height = TOP + ROW * len(cases) + 64
    canvas = Canvas(WIDTH, height, TITLE)
    canvas.rect((0, 0), WIDTH, height, 8, fill=CARD)
    canvas.text((20, 30), TITLE, 16, fill=INK, font_weight="600")
    legend = "bar: measured, best backend of each side; mark: ratio of operations, the limit"
    canvas.text((20, 50), legend, 12, fill=MUTED)
    most = max([10.0, *(max(case.speedup() or 0, case.ratio) for case in cases)])
    for power in range(int(log10(most)) + 1):
        x = _across(10**power, most)
        canvas.wire((x, TOP - 6), (x, height - 50), stroke=LINE)
        canvas.text((x, height - 36), f"{10**power}×", 11, fill=MUTED, text_anchor="middle")
    for place, case in enumerate(cases):
        _bar(canvas, case, TOP + ROW * place, most)
    canvas.text((20, height - 14), conditions(results), 8, fill=MUTED)
    return Still(canvas)


def _bar(canvas: Canvas, case: CaseResult, top: Length, most: float) -> None:
    speedup, best = case.speedup() or 0.0, case.best("onebyone")
    canvas.text((LEFT - 8, top + 14), case.name, 12, fill=INK, text_anchor="end")
    end, limit = _across(max(speedup, 1.0), most), _across(case.ratio, most)
    canvas.rect((LEFT, top + 4), max(1.0, end - LEFT), 13, 2, fill=BAR)
    canvas.rect((limit - 1.5, top), 3, 21, 1, fill=MARK)
    name = "" if best is None else f" {NAMES[best.backend]}"
    canvas.text((max(end, limit) + 8, top + 14), f"{speedup:.3g}×{name}", 11, fill=MUTED)


def _across(times: Length, most: float) -> float:
    """Where a factor lies across the chart."""
    return LEFT + (WIDTH - LEFT - RIGHT - 60) * log10(times) / log10(most)
