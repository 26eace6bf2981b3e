"""What sliding saves: a sliding model timed against running crops, and the table of the figures."""

import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from math import prod
from typing import NamedTuple

import torch
from jaxtyping import Float
from rich.table import Table
from torch import Tensor, nn

from onebyone.windows import SlidingModel

BATCHES = (16, 64, 256)
ROUNDS = 3
ENOUGH_SECONDS = 5.0


class Measurement(NamedTuple):
    """A sliding model on one image against the same windows run as crops.

    `sampled` of the `windows` were run as crops, in `seconds_crops`; `ratio` is operations of
    all crops over those of sliding; `difference` the largest between the two, on the sample.
    """

    windows: int
    sampled: int
    seconds_sliding: float
    seconds_crops: float
    ratio: float
    difference: float
    scores: Float[Tensor, "K ..."]

    @property
    def windows_per_second_sliding(self) -> float:
        """Windows of the image over the time of sliding."""
        return self.windows / self.seconds_sliding

    @property
    def windows_per_second_crops(self) -> float:
        """Windows of the sample over the time of its crops."""
        return self.sampled / self.seconds_crops

    @property
    def speedup(self) -> float:
        """How many times as many windows a second sliding does."""
        return self.windows_per_second_sliding / self.windows_per_second_crops


def measure(
    sliding: SlidingModel, model: nn.Module, x: Float[Tensor, "C ..."], *, sample: int = 512
) -> Measurement:
    """Time a sliding model on an image, and its model on a random sample of the windows.

    Crops are cut beforehand and run in batches of 16, 64 and 256, in both of PyTorch's memory
    layouts; the fastest counts. Planning is not timed. Both use torch's current number of threads.

    Args:
        sliding: The sliding model; its scores are one tensor.
        model: The model that it slides.
        x: The image, as the model takes it.
        sample: How many windows to run as crops.
    """
    ratio = sliding.report(*x.shape[1:]).ratio
    with torch.inference_mode():
        scores, seconds_sliding = _fastest(lambda: sliding(x))
        grid = scores.shape[1:]
        chosen, crops = random_crops(x, sliding.window, sliding.stride, sample)
        expected, seconds_crops = _fastest_crops(model, crops)
        difference = (scores.movedim(0, -1)[chosen] - expected).abs().max().item()
    return Measurement(
        prod(grid), len(crops), seconds_sliding, seconds_crops, ratio, difference, scores
    )


def random_crops(
    x: Float[Tensor, "C ..."], window: Sequence[int], stride: Sequence[int], count: int
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Cut some windows out of an image, always the same ones.

    Args:
        x: The image.
        window: (C, *space).
        stride: Pixels between windows, along each axis.
        count: How many; all, in random order, if there are no more.

    Returns:
        Their indices along each axis of the grid, and the crops [count, C, *space].
    """
    views = x
    for axis, (side, step) in enumerate(zip(window[1:], stride, strict=True), 1):
        views = views.unfold(axis, side, step)
    grid = views.shape[1 : len(window)]
    order = torch.randperm(prod(grid), generator=torch.Generator().manual_seed(0))
    places = torch.unravel_index(order[:count], grid)
    return places, views.movedim(0, len(grid))[places]


def _fastest(run: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """Run up to three times, fewer where that would take long; give the result and least time."""
    least, spent = float("inf"), 0.0
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - start
        least, spent = min(least, seconds), spent + seconds
        if spent > ENOUGH_SECONDS:
            break
    return result, least


def _fastest_crops(model: nn.Module, crops: Tensor) -> tuple[Tensor, float]:
    def run(model: nn.Module, crops: Tensor, batch: int) -> tuple[Tensor, float]:
        return _fastest(lambda: torch.cat([model(part) for part in torch.split(crops, batch)]))

    layouts = [(model, crops)]
    if crops.ndim == 4:
        last = deepcopy(model)
        last.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # stubs lack it
        layouts.append((last, crops.contiguous(memory_format=torch.channels_last)))
    runs = [run(*layout, batch) for layout in layouts for batch in BATCHES]
    return min(runs, key=lambda pair: pair[1])


def figures_table(title: str, measurements: Mapping[str, Measurement]) -> Table:
    """Set the figures of several measurements side by side, one column each."""
    table = Table(title=title)
    table.add_column("")
    for name in measurements:
        table.add_column(name, justify="right")
    rows: dict[str, Callable[[Measurement], str]] = {
        "windows": lambda m: f"{m.windows:,}",
        "sliding, windows a second": lambda m: f"{m.windows_per_second_sliding:,.0f}",
        "crops, windows a second": lambda m: f"{m.windows_per_second_crops:,.0f}",
        "sliding is faster": lambda m: f"{m.speedup:.1f}×",
        "operations, crops to sliding": lambda m: f"{m.ratio:.1f}×",
        "largest difference from crops": lambda m: f"{m.difference:.1e}",
        "largest score": lambda m: f"{m.scores.abs().max().item():.1f}",
    }
    for label, cell in rows.items():
        table.add_row(label, *(cell(m) for m in measurements.values()))
    return table
