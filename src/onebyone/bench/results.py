"""What a run of the benchmark found, in numbers."""

import json
from dataclasses import asdict, dataclass
from math import inf, prod
from typing import Any

from onebyone.bench.machine import Machine
from onebyone.bench.scan_results import ScanResult
from onebyone.bench.timing import Timing


@dataclass(frozen=True)
class CaseResult:
    """One case.

    Attributes:
        name, window, stride, size: of the case.
        grid: windows along each axis.
        crops: operations of running every crop; a multiplication and an addition are two.
        here: operations of the emitted graph, fully connected layers included.
        timings: of each side.
        skipped: why the case was not measured, if so.
    """

    name: str
    window: tuple[int, ...]
    stride: int
    size: tuple[int, ...]
    grid: tuple[int, ...] = ()
    crops: int = 0
    here: int = 0
    timings: tuple[Timing, ...] = ()
    skipped: str = ""

    @property
    def windows(self) -> int:
        """How many windows the image has."""
        return prod(self.grid)

    @property
    def ratio(self) -> float:
        """Operations of crops over those of the emitted graph."""
        return self.crops / self.here

    def best(self, kind: str, backend: str | None = None) -> Timing | None:
        """The fastest side of a kind, on one backend or on any; None where none was measured."""
        found = [
            t for t in self.timings
            if t.kind == kind and t.seconds and backend in (None, t.backend)
        ]  # fmt: skip
        return min(found, key=lambda t: t.median(self.windows), default=None)

    def seconds(self, kind: str, backend: str | None = None) -> float:
        """Seconds for all windows on the fastest side of a kind; infinite where there is none."""
        best = self.best(kind, backend)
        return inf if best is None else best.median(self.windows)

    def speedup(self, backend: str | None = None) -> float | None:
        """Time of the best crops over that of onebyone, both on one backend or the best of each."""
        crops, here = self.seconds("crops", backend), self.seconds("onebyone", backend)
        return None if inf in (crops, here) else crops / here

    def share(self, backend: str | None = None) -> float | None:
        """Which share of the ratio of operations the speed-up is."""
        speedup = self.speedup(backend)
        return None if speedup is None else speedup / self.ratio


@dataclass(frozen=True)
class Results:
    """A whole run.

    Attributes:
        date: of the run, as year-month-day.
        command: that made it.
        machine: that ran it.
        rounds: how often each side ran.
        cases: one for each case.
        scans: one for each case of a scan.
    """

    date: str
    command: str
    machine: Machine
    rounds: int
    cases: tuple[CaseResult, ...]
    scans: tuple[ScanResult, ...] = ()

    def to_json(self) -> str:
        """Everything as JSON, for tracking."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Results":
        """Read what `to_json` wrote."""
        read = json.loads(text)
        read["machine"] = Machine(**read["machine"])
        read["cases"] = tuple(_case(case) for case in read["cases"])
        read["scans"] = tuple(_scan(each) for each in read.get("scans", ()))
        return cls(**read)


def _case(read: dict[str, Any]) -> CaseResult:
    timings = (Timing(**{**t, "seconds": tuple(t["seconds"])}) for t in read["timings"])
    sizes = {name: tuple(read[name]) for name in ("window", "size", "grid")}
    return CaseResult(**{**read, **sizes, "timings": tuple(timings)})


def _scan(read: dict[str, Any]) -> ScanResult:
    rates = {name: tuple(read[name]) for name in ("slide", "scan")}
    return ScanResult(**{**read, **rates})
