"""One run of a scan: the tiles that are left, then the coarser levels of the map."""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from onebyone.errors import InputError
from onebyone.notebook import shown
from onebyone.scans.driving import KEPT, Driver
from onebyone.scans.executors import Workers
from onebyone.scans.handing import hand
from onebyone.scans.maps import Map, open_map
from onebyone.scans.pyramid import Coarser
from onebyone.scans.tile import Counts, Job
from onebyone.wording import by

_STALL = 60.0
"""Seconds after which a tile that other processes run is thought to be lost."""
_NAMED = 3
"""Tiles that are left out of which each has a warning of its own."""


@dataclass(frozen=True)
class Progress:
    """How far a scan is.

    Attributes:
        tiles: that are done, those of earlier runs among them.
        of: tiles that there are.
        counts: what this run has done.
        seconds: since this run began.
    """

    tiles: int
    of: int
    counts: Counts
    seconds: float


@dataclass(frozen=True)
class Scan:
    """What a scan has done.

    Attributes:
        path: of the map.
        grid: windows along each axis.
        tiles: that there are.
        before: tiles that were done by earlier runs.
        counts: what this run has done.
        failed: why tiles could not be run, by their numbers; `resume` tries them again.
        seconds: that this run took.
        workers: what ran it.

    Example:
        >>> sliding = ob.slide("nin-digits", stride=4)
        >>> run = ob.scan(np.zeros((1, 64, 80), np.uint8), sliding, "map.zarr", executor=2)
        >>> run.grid, run.tiles, run.counts.windows, run.failed, run.workers
        ((10, 14), 1, 140, {}, '2 threads')
    """

    path: Path
    grid: tuple[int, ...]
    tiles: int
    before: int
    counts: Counts
    failed: Mapping[int, str]
    seconds: float
    workers: str

    def open(self) -> Map:
        """Open the map."""
        return open_map(self.path)

    def __str__(self) -> str:
        counts = self.counts
        parts = [f"{self.path}: {counts.windows:,} windows in {self.seconds:.1f} s"]
        if counts.masked:
            parts.append(f"{counts.masked:,} masked")
        if self.before:
            parts.append(f"{self.before} of {self.tiles} tiles were there")
        if self.failed:
            parts.append(f"{len(self.failed)} tiles are left out; resume tries them again")
        return ", ".join(parts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        facts = {"grid": f"{by(self.grid)} windows", "tiles": self.tiles, "run by": self.workers}
        failed = {f"tile {tile}": why for tile, why in self.failed.items()}
        return shown("Scan", str(self), facts | failed)


def run(
    job: Job,
    workers: Workers,
    progress: Callable[[Progress], None] | None,
) -> Scan:
    """Run what is left of a scan.

    Args:
        job: what a tile needs.
        workers: run tiles.
        progress: is told each tile.

    Raises:
        InputError: there is no worker, or what a coarser level is made of is damaged.
        OSError: the map cannot be written.
    """
    running = _Running(job, progress)
    with _one_thread():
        running.tiles(workers)
        running.levels(workers)
    job.store.finish()
    return running.told(workers.name)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Leave PyTorch's number of threads as it was."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class _Running:
    """The state of a run."""

    job: Job
    progress: Callable[[Progress], None] | None
    started: float = field(default_factory=time.perf_counter)
    counts: Counts = field(default_factory=Counts)
    before: int = 0
    failed: dict[int, str] = field(default_factory=dict)

    def tiles(self, workers: Workers) -> None:
        """Run the tiles that are not there."""
        store = self.job.store
        there = store.done()
        left = store.layout.tiling.ordered(np.flatnonzero(~there))
        self.before = len(there) - len(left)
        self._forget_above(left)
        for tile, counts, why in self._drive(self.job, left, workers):
            if why:
                self._leave_out(tile, why)
            else:
                self._done(counts)
        self._warn_of_more()

    def levels(self, workers: Workers) -> None:
        """Make the tiles of coarser levels that are not there."""
        store = self.job.store
        for level in range(1, len(store.layout.levels)):
            tiling = store.layout.levels[level]
            left = np.flatnonzero(~store.there(store.layout.paths[level], tiling))
            for _, _, why in self._drive(Coarser(store, level), tiling.ordered(left), workers):
                if why:
                    raise InputError(f"a coarser level cannot be made: {why}; {KEPT}")

    def told(self, workers: str) -> Scan:
        """What the run has done."""
        store = self.job.store
        return Scan(
            store.path, store.layout.tiling.grid, len(store.layout.tiling), self.before,
            self.counts, self.failed, time.perf_counter() - self.started, workers,
        )  # fmt: skip

    def _drive(
        self, job: Any, tiles: np.ndarray, workers: Workers
    ) -> Iterator[tuple[int, Any, str]]:
        if not len(tiles):
            return
        handed = None if workers.here else hand(job, self.job.store.path)
        stall = None if workers.here else _STALL
        driver = Driver[Any](workers.executor, workers.count, workers.is_lost, stall=stall)
        try:
            yield from driver.run(handed or job.run, tiles.tolist())
        finally:
            if handed is not None:
                handed.close()

    def _leave_out(self, tile: int, why: str) -> None:
        """Note a tile that could not be run; an image may have thousands that are damaged."""
        self.failed[tile] = why
        if len(self.failed) <= _NAMED:
            warnings.warn(f"tile {tile} is left out: {why}", stacklevel=3)

    def _warn_of_more(self) -> None:
        more = len(self.failed) - _NAMED
        if more > 0:
            tiles = "tile is" if more == 1 else "tiles are"
            warnings.warn(
                f"{more} more {tiles} left out; `failed`, or --report, has each with its reason",
                stacklevel=3,
            )

    def _done(self, counts: Counts) -> None:
        self.counts += counts
        if self.progress is not None:
            tiles = self.before + self.counts.tiles
            seconds = time.perf_counter() - self.started
            of = len(self.job.store.layout.tiling)
            self.progress(Progress(tiles, of, self.counts, seconds))

    def _forget_above(self, left: np.ndarray) -> None:
        """Remove the tiles of coarser levels that are made of tiles which are run again."""
        store, tiling = self.job.store, self.job.store.layout.tiling
        places = np.stack(np.unravel_index(left, tiling.counts), axis=1)
        for path in store.layout.paths[1:]:
            places = np.unique(places // 2, axis=0)
            if (store.path / path / "c").exists():
                for place in places.tolist():
                    store.forget(path, place)
