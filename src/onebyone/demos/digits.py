"""The demonstration on handwriting: a page of digits read by two Networks in Networks."""

import json
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from rich.console import Console
from rich.text import Text
from scipy.special import softmax

from onebyone import images, nin
from onebyone.demos.measure import Measurement, figures_table, measure, method
from onebyone.nin.data import CLASSES
from onebyone.windows import slide

WINDOW = (1, 28, 28)
STRIDE = 4
PART, LINES = 123, 3
"""The rows and lines of the page that the padded network reads: it shares little, and is slow."""


def load_page() -> tuple[UInt8[np.ndarray, "height width"], list[str]]:
    """Load the bundled page of held-out digits: its image, ink 255 on ground 0, and its lines."""
    data = files("onebyone.demos") / "data"
    with (data / "digits.png").open("rb") as file:
        image = np.array(Image.open(file))
    lines: list[str] = json.loads((data / "digits.json").read_text("utf-8"))["lines"]
    return image, lines


def run(console: Console, out_dir: Path) -> list[Path]:
    """Read the bundled page, beside a padded network; print the figures, and give the page."""
    image, true = load_page()
    height, width = image.shape
    console.print(
        f"A page of {height}×{width} pixels with {sum(map(len, true))} handwritten digits that "
        f"the networks have not seen. A window of 28×28 goes over it in steps of {STRIDE}."
    )
    plain, padded = nin.BUNDLED
    part = image[:PART]
    console.print(f"{plain}: every window at once, and some as crops, by turns …")
    whole = _measure(plain, image)
    read = nin.read_lines(whole.scores.numpy())
    _print_lines(console, read, true)
    console.print(f"{plain} reads {nin.share_right(read, true):.1%} of the digits rightly")
    console.print(f"{padded}: the same on the first {LINES} lines, because it takes longer …")
    measurements = {plain: whole, padded: _measure(padded, part)}
    read = nin.read_lines(measurements[padded].scores.numpy())
    right = nin.share_right(read, true[:LINES])
    console.print(f"{padded} reads {right:.1%} of the digits of these lines rightly")
    console.print(figures_table("Every window at once", measurements))
    console.print(method(measurements))
    console.print(
        "Zero padding inside a network makes overlapping windows differ near their borders: that "
        "work cannot be shared, and the padded network gains less."
    )
    path = out_dir / "digits.html"
    scores = softmax(whole.scores.numpy(), axis=0)
    images.save_html(path, image, scores, WINDOW, (STRIDE, STRIDE), CLASSES, "Digits")
    return [path]


def _measure(name: str, image: UInt8[np.ndarray, "height width"]) -> Measurement:
    model = nin.load(name)
    sliding = slide(model, window=WINDOW, stride=STRIDE)
    return measure(sliding, model, torch.from_numpy(image)[None] / 255)


def _print_lines(console: Console, read: list[str], true: list[str]) -> None:
    """Print each line as read, green where all of it is right, and the true line under it."""
    for ours, theirs in zip_longest(read, true, fillvalue=""):
        console.print(Text.assemble("read  ", (ours, "bold green" if ours == theirs else "bold")))
        console.print(Text.assemble("true  ", (theirs, "dim")))
