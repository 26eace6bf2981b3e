"""What a case of a scan took, in numbers."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class ScanResult:
    """What a case of a scan took.

    Attributes:
        name: of the case.
        threads: of both sides.
        windows: of the image.
        slide: windows a second of each round of sliding in memory.
        scan: windows a second of each round of scanning.
        reading, computing, writing: shares of the time of tiles.
        memory: bytes that a scan took at most beyond what was in use; None where unknown.
        difference: the largest between both, of the largest score.
        skipped: why the case was not measured, if so.
    """

    name: str
    threads: int
    windows: int = 0
    slide: tuple[float, ...] = ()
    scan: tuple[float, ...] = ()
    reading: float = 0.0
    computing: float = 0.0
    writing: float = 0.0
    memory: int | None = None
    difference: float = 0.0
    skipped: str = ""

    @property
    def ratio(self) -> float:
        """Windows a second of scanning over those of sliding: medians of the rounds."""
        return median(self.scan) / median(self.slide)
