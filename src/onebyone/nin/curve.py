"""The learning curve of a training, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from onebyone.nin.fitting import Epoch
from onebyone.writing import replacing

WIDTH, HEIGHT = 480, 300  # of a panel, in pixels
MARGIN = 48
MUTED, LINE = "#59636E", "#D1D9E0"
COLOURS = ("#0072B2", "#D55E00")  # Okabe and Ito's: told apart with any colour vision
TICKS = 5


def save_curve(history: Sequence[Epoch], path: str | Path) -> None:
    """Draw the loss, and the errors in training and on held-out images, epoch by epoch.

    Args:
        history: The epochs.
        path: The picture's file, of a kind that Pillow writes.
    """
    picture = Image.new("RGB", (2 * WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    losses = {"loss": [epoch.loss for epoch in history]}
    errors = {"error in training, %": [100 * (1 - epoch.accuracy) for epoch in history]}
    held_out = [100 * (1 - epoch.held_out) for epoch in history if epoch.held_out is not None]
    if held_out:
        errors["error on held-out images, %"] = held_out
    _panel(draw, 0, losses)
    _panel(draw, WIDTH, errors)
    with replacing(path) as temporary:
        picture.save(temporary)


def _panel(draw: ImageDraw.ImageDraw, left: int, series: dict[str, list[float]]) -> None:
    """Draw lines over the epochs, from 0 to their largest value."""
    count = max(map(len, series.values()))
    top = max(max(values) for values in series.values()) or 1.0
    across, down = WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN

    def at(epoch: int, value: float) -> tuple[float, float]:
        share = (epoch - 1) / max(count - 1, 1)
        return left + MARGIN + across * share, HEIGHT - MARGIN - down * value / top

    for tick in range(TICKS):
        value = top * tick / (TICKS - 1)
        draw.line([at(1, value), at(max(count, 2), value)], LINE)
        x, y = at(1, value)
        draw.text((x - 6, y), f"{value:.3g}", MUTED, anchor="rm", font_size=12)
    for epoch in sorted({1, count}):
        x, y = at(epoch, 0.0)
        draw.text((x, y + 8), f"epoch {epoch}", MUTED, anchor="mt", font_size=12)
    for index, (name, values) in enumerate(series.items()):
        points = [at(epoch, value) for epoch, value in enumerate(values, start=1)]
        draw.line(points, COLOURS[index], width=2)
        for x, y in points[:: max(1, count // 20)]:
            draw.circle((x, y), 2.5, COLOURS[index])
        draw.text((left + MARGIN, 8 + 16 * index), name, COLOURS[index], font_size=13)
