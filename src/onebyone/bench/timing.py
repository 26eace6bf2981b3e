"""What each side of a case took."""

import statistics
from dataclasses import dataclass

BUDGET = 40.0
"""Seconds that one side of a case is timed for; a side that takes longer runs fewer rounds."""

SHORTEST = 0.3
"""Seconds of one side in one round; one that takes less runs more often, and its mean counts.

What ran before it has taken caches and memory away, which many batches of crops notice least.
"""


@dataclass(frozen=True)
class Timing:
    """What one side took.

    Attributes:
        name: what it is.
        backend: what runs it.
        kind: "crops", "tool", "converted", "image" or "onebyone".
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
