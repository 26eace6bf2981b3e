"""The sides of a case, and what each took."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from onebyone.bench.machine import PeakMemory

BUDGET = 40.0
"""Seconds that one side of a case is timed for; a side that takes longer runs fewer rounds."""

SHORTEST = 0.3
"""Seconds of one side in one round; one that takes less runs more often, and its mean counts.

What ran before it has taken caches and memory away, which many batches of crops notice least.
"""


@dataclass(frozen=True)
class Side:
    """One way to get the scores of all windows of an image, ready to run.

    Attributes:
        name: what it is.
        backend: what runs it.
        kind: "crops", "tool", "converted" or "onebyone".
        run: gives the result for `windows` windows.
        windows: how many windows one run covers.
    """

    name: str
    backend: str
    kind: str
    run: Callable[[], Any]
    windows: int


@dataclass(frozen=True)
class Timing:
    """What one side took.

    Attributes:
        name, backend, kind: of the side.
        seconds: of each round, as measured.
        windows: how many windows one round covered.
        memory: bytes that one run took at most beyond what was in use; None where unknown.
        difference: from crops, relative to the largest output; None where not compared.
        skipped: why it was not measured, if so.
    """

    name: str
    backend: str
    kind: str
    seconds: tuple[float, ...] = ()
    windows: int = 0
    memory: int | None = None
    difference: float | None = None
    skipped: str = ""

    def median(self, windows: int) -> float:
        """Seconds for so many windows, at the rate of the median round; infinite if skipped."""
        if not self.seconds:
            return float("inf")
        return statistics.median(self.seconds) * windows / self.windows


def first_run(side: Side) -> tuple[Any, int | None]:
    """Run a side once: its result, and the memory that it took at most."""
    with PeakMemory() as peak:
        result = side.run()
    return result, peak.bytes
