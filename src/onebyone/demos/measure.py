"""What sliding saves: a sliding model timed against running crops, and the table of the figures."""

import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from math import prod
from statistics import median
from typing import NamedTuple

import torch
from jaxtyping import Float
from rich.table import Table
from torch import Tensor, nn

from onebyone.turns import by_turns, seconds
from onebyone.windows import SlidingModel

BATCHES = (16, 64, 256)
ENOUGH_SECONDS, MOST_TURNS = 1.5, 3
NOISY = 1.5
"""The factor between turns from which on other work must be running on the machine."""
WHOLE = 0.8
"""The share of the time that a thread which never rests has a processor on a quiet machine."""


class Measurement(NamedTuple):
    """A sliding model on one image against the same windows run as crops.

    `sampled` of the `windows` were run as crops. `turns` has the seconds of sliding and of these
    crops, each time one after the other; `had` is the share of them in which the thread that
    computes had a processor; `ratio` is operations of all crops over those of sliding;
    `difference` the largest between the two, on the sample.
    """

    windows: int
    sampled: int
    turns: tuple[tuple[float, float], ...]
    had: float
    ratio: float
    difference: float
    scores: Float[Tensor, "K ..."]

    @property
    def windows_per_second_sliding(self) -> float:
        """Windows of the image over the median time of sliding."""
        return self.windows / median(sliding for sliding, _ in self.turns)

    @property
    def windows_per_second_crops(self) -> float:
        """Windows of the sample over the median time of its crops."""
        return self.sampled / median(crops for _, crops in self.turns)

    @property
    def speedups(self) -> tuple[float, ...]:
        """How many times as many windows a second sliding does, turn by turn, ascending."""
        share = self.windows / self.sampled
        return tuple(sorted(share * crops / sliding for sliding, crops in self.turns))

    @property
    def speedup(self) -> float:
        """The median of the turns."""
        return median(self.speedups)

    @property
    def disturbed(self) -> bool:
        """Whether other work ran on the machine, as far as the times show it."""
        return self.had < WHOLE or self.speedups[-1] / self.speedups[0] > NOISY


def measure(
    sliding: SlidingModel, model: nn.Module, x: Float[Tensor, "C ..."], *, sample: int = 128
) -> Measurement:
    """Time a sliding model on an image, and its model on a random sample of the windows, by turns.

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
        places, crops = random_crops(x, sliding.window, sliding.stride, sample)
        by_crops = _fastest_crops(model, crops)
        found: dict[str, Tensor] = {}
        runs = {
            "sliding": lambda: found.update(scores=sliding(x)),
            "crops": lambda: found.update(expected=by_crops()),
        }
        began = time.thread_time(), time.perf_counter()
        times = by_turns(runs, MOST_TURNS + 1, within=ENOUGH_SECONDS)
        had = (time.thread_time() - began[0]) / (time.perf_counter() - began[1])
        # The first turn warms up, unless it is long enough to be the only one.
        turns = tuple(zip(*times.values(), strict=True))
        scores, expected = found["scores"], found["expected"]
        difference = (scores.movedim(0, -1)[places] - expected).abs().max().item()
    windows = prod(scores.shape[1:])
    return Measurement(windows, len(crops), turns[1:] or turns, had, ratio, difference, scores)


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


def _fastest_crops(model: nn.Module, crops: Tensor) -> Callable[[], Tensor]:
    """Return the call that runs crops in the batches and the layout that are fastest here."""

    def call(model: nn.Module, crops: Tensor, batch: int) -> Callable[[], Tensor]:
        return lambda: torch.cat([model(part) for part in torch.split(crops, batch)])

    layouts = [(model, crops)]
    if crops.ndim == 4:
        last = deepcopy(model)
        last.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # stubs lack it
        layouts.append((last, crops.contiguous(memory_format=torch.channels_last)))
    for layout in layouts:
        call(*layout, BATCHES[0])()  # what is run first takes longest
    calls = [call(*layout, batch) for layout in layouts for batch in BATCHES]
    return min(calls, key=seconds)


def figures_table(title: str, measurements: Mapping[str, Measurement]) -> Table:
    """Set the figures of several measurements side by side, one column each; ~ marks rough ones."""
    table = Table(title=title)
    table.add_column("")
    for name in measurements:
        table.add_column(name, justify="right")
    rows: dict[str, Callable[[Measurement], str]] = {
        "windows": lambda m: f"{m.windows:,}",
        "sliding, windows a second": lambda m: f"{_rough(m)}{m.windows_per_second_sliding:,.0f}",
        "crops, windows a second": lambda m: f"{_rough(m)}{m.windows_per_second_crops:,.0f}",
        "sliding is faster": lambda m: f"{_rough(m)}{m.speedup:.1f}×",
        "operations, crops to sliding": lambda m: f"{m.ratio:.1f}×",
        "largest difference from crops": lambda m: f"{m.difference:.1e}",
        "largest score": lambda m: f"{m.scores.abs().max().item():.1f}",
    }
    if any(len(m.turns) > 1 for m in measurements.values()):
        rows["turns of sliding and crops"] = _turns
    for label, cell in rows.items():
        table.add_row(label, *(cell(m) for m in measurements.values()))
    return table


def _rough(measured: Measurement) -> str:
    return "~" if measured.disturbed else ""


def _turns(measured: Measurement) -> str:
    slowest, fastest, count = measured.speedups[0], measured.speedups[-1], len(measured.turns)
    return f"{count}: {slowest:.2g}–{fastest:.2g}×" if count > 1 else "1"


def method(measurements: Mapping[str, Measurement]) -> str:
    """Say how several measurements were made, and whether other work disturbed them."""
    sampled = max(m.sampled for m in measurements.values())
    said = (
        f"Crops: up to {sampled:,} windows drawn at random, in the fastest of three batch sizes "
        f"and two layouts, by turns with sliding, on the same {torch.get_num_threads()} threads; "
        "medians. All windows are taken to run at that rate."
    )
    if any(m.disturbed for m in measurements.values()):
        said += (
            " ~ Other work is running on this machine, which slows both; these times are rough. "
            "The operations are counted, and exact."
        )
    return said
