"""What sharing saved: operations, and time against a sample of crops."""

from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from onebyone.turns import seconds
from onebyone.windows import SlidingModel
from onebyone.windows.deviation import window_at
from onebyone.windows.telling import counted

BATCH = 8
"""Crops that run at a time, as people run them."""
MOST, ENOUGH = 256, 3.0
"""Crops that are timed at most, and seconds after which no more are."""


class Operations(NamedTuple):
    """Operations of a run, and of running every crop."""

    here: int
    crops: int

    def __str__(self) -> str:
        if not self.crops:
            return "no operations to share"
        if self.here >= self.crops:
            return f"{counted(self.here)} operations, as many as of crops: nothing is shared"
        times = f"{self.crops / self.here:.1f}× fewer" if self.here else "all of them saved"
        return f"{counted(self.here)} operations instead of {counted(self.crops)} of crops, {times}"


class CropTime(NamedTuple):
    """How long every crop would take.

    Attributes:
        seconds: of all windows.
        timed: windows that were timed.
        windows: that there are.
        batch: windows that ran at a time.
    """

    seconds: float
    timed: int
    windows: int
    batch: int

    def told(self, shared: float) -> str:
        """In words, beside the seconds of the run that shares."""
        how = f"in batches of {self.batch}"
        if self.timed < self.windows:
            said = f"crops would take about {self.seconds:.3g} s"
            how = f"estimated from {self.timed} of {self.windows:,} windows {how}"
        else:
            said = f"crops took {self.seconds:.3g} s"
        return f"{said}, {self.seconds / shared:.1f}× as long ({how})"


class Saved(NamedTuple):
    """What sharing saved; the time of crops is None where none were timed."""

    operations: Operations
    crop_time: CropTime | None

    @property
    def fields(self) -> dict[str, Any]:
        """As JSON has it."""
        time = None if self.crop_time is None else self.crop_time._asdict()
        return {"operations": self.operations._asdict(), "crop_time": time}

    def lines(self, shared: float, *, counted: bool) -> list[str]:
        """In words.

        Args:
            shared: seconds of the run that shares.
            counted: whether operations are told.
        """
        said = [str(self.operations)] if counted else []
        return said if self.crop_time is None else [*said, self.crop_time.told(shared)]


def saving(sliding: SlidingModel, image: Tensor, *, compare: bool) -> Saved:
    """Tell what sharing saved of an image [C, *size], and time some crops if asked to."""
    plan = sliding.plan(*image.shape[1:])
    operations = Operations(plan.multiply_adds, plan.crops)
    return Saved(operations, time_crops(sliding, image) if compare else None)


def time_crops(sliding: SlidingModel, image: Tensor) -> CropTime:
    """Time some windows of an image [C, *size] as crops, and estimate all of them.

    The windows are spread over the image. The first batch is not timed: what runs first takes
    longest.
    """
    grid = sliding.grid(*image.shape[1:])
    windows = prod(grid)
    count = min(windows, MOST)
    places = [place * windows // count for place in range(count)]
    batches = [places[start : start + BATCH] for start in range(0, count, BATCH)]
    taken, timed = 0.0, 0
    _run(sliding, image, grid, batches[0])
    for batch in batches:
        if taken >= ENOUGH:
            break
        taken += seconds(lambda batch=batch: _run(sliding, image, grid, batch))
        timed += len(batch)
    return CropTime(taken / timed * windows, timed, windows, BATCH)


def _run(sliding: SlidingModel, image: Tensor, grid: tuple[int, ...], places: list[int]) -> Any:
    """The network on the crops at these places of the flattened grid."""
    indices = torch.stack(torch.unravel_index(torch.tensor(places), grid), 1).tolist()
    crops = [window_at(image[None], sliding.geometry, index) for index in indices]
    return sliding.model(sliding.prepare(torch.cat(crops)))
