"""One tile: its pixels are read, slid over, and its scores written."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import product

import numpy as np
import torch
from torch.utils import _pytree as pytree

from onebyone.scans.halo import Halo
from onebyone.scans.maps import DONE, MASKED, STATE
from onebyone.scans.masks import Mask, mask_of
from onebyone.scans.positions import Positions, Run
from onebyone.scans.room import Room
from onebyone.scans.sources.source import Source
from onebyone.scans.store import Store
from onebyone.windows.sliding import SlidingModel


@dataclass(frozen=True)
class Counts:
    """What has been done.

    Attributes:
        tiles: that were written.
        windows: that were run.
        masked: windows that were not, as they are masked.
        reading: seconds that reading took, of all workers together.
        computing: the same of the network.
        writing: the same of writing.
    """

    tiles: int = 0
    windows: int = 0
    masked: int = 0
    reading: float = 0.0
    computing: float = 0.0
    writing: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        both = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Counts(**both)


@dataclass(frozen=True)
class Job:
    """What every tile of a scan needs.

    Attributes:
        source: the image, of one level.
        sliding: the network.
        axes: where windows lie.
        halo: pixels that are read beside those of a tile's windows.
        mask: which windows are run; None for all.
        store: where scores go.
        room: for tiles that are run at a time.
    """

    source: Source
    sliding: SlidingModel
    axes: tuple[Positions, ...]
    halo: tuple[Halo, ...]
    mask: Mask | None
    store: Store
    room: Room

    def run(self, number: int) -> Counts:
        """Run one tile.

        Raises:
            InputError: its pixels cannot be read.
            OSError: it cannot be written.
        """
        with self.room:
            return self._run(self.store.layout.tiling.windows(number))

    def _run(self, windows: Sequence[range]) -> Counts:
        wanted = self._in_mask(windows)
        if not wanted.any():
            return self._write(windows, None, wanted, Counts(tiles=1))
        if torch.get_num_threads() > 1:  # tiles run beside each other, not operators
            torch.set_num_threads(1)
        runs = [list(axis.runs(r)) for axis, r in zip(self.axes, windows, strict=True)]
        scores, counts = None, Counts(tiles=1)
        for part in product(*runs):
            where = tuple(
                slice(run.windows.start - axis.start, run.windows.stop - axis.start)
                for run, axis in zip(part, windows, strict=True)
            )
            start = time.perf_counter()
            pixels, firsts = self._read(part)
            wanted[where] &= self._with_data(pixels, firsts, part)
            read = time.perf_counter()
            found = self._scores(pixels, firsts, part)
            if scores is None:
                scores = found.new_empty((len(found), *wanted.shape))
            scores[(slice(None), *where)] = found
            computed = time.perf_counter()
            counts += Counts(reading=read - start, computing=computed - read)
        return self._write(windows, scores, wanted, counts)

    def _in_mask(self, windows: Sequence[range]) -> np.ndarray:
        """Which windows are in the foreground."""
        if self.mask is None:
            return np.ones([len(axis) for axis in windows], bool)
        axes = zip(self.axes, windows, strict=True)
        starts = [np.array([axis.start(n) for n in numbers]) for axis, numbers in axes]
        return self.mask.holds(starts, [axis.window for axis in self.axes])

    def _read(self, part: Sequence[Run]) -> tuple[np.ndarray, list[int]]:
        """The pixels of a run along each axis, and where in them its first window begins."""
        axes = zip(self.axes, self.halo, part, strict=True)
        regions = [halo.region(axis, run) for axis, halo, run in axes]
        ends = [min(r.stop, axis.length) for r, axis in zip(regions, self.axes, strict=True)]
        starts = [region.start for region in regions]
        sizes = [end - start for start, end in zip(starts, ends, strict=True)]
        pixels = self.source.read(0, starts, sizes)
        beyond = [r.stop - end for r, end in zip(regions, ends, strict=True)]
        if any(beyond):  # of edge="pad": the pixels of the border go on
            pixels = np.pad(pixels, [(0, 0), *((0, n) for n in beyond)], mode="edge")
        return pixels, [run.start - start for run, start in zip(part, starts, strict=True)]

    def _with_data(
        self, pixels: np.ndarray, firsts: Sequence[int], part: Sequence[Run]
    ) -> np.ndarray | bool:
        """Which windows have a pixel that is data."""
        nodata = self.source.nodata
        if nodata is None:
            return True
        data = ~np.isnan(pixels) if np.isnan(nodata) else pixels != nodata
        axes = zip(self.axes, firsts, part, strict=True)
        starts = [first + axis.stride * np.arange(len(r.windows)) for axis, first, r in axes]
        cells = np.asarray(data.any(axis=0))
        return mask_of(cells, cells.shape).holds(starts, [axis.window for axis in self.axes])

    def _scores(
        self, pixels: np.ndarray, firsts: Sequence[int], part: Sequence[Run]
    ) -> torch.Tensor:
        """The scores [K, *windows] of a run along each axis."""
        axes = zip(self.axes, firsts, part, strict=True)
        places = [(first // axis.stride, len(run.windows)) for axis, first, run in axes]
        with torch.inference_mode():
            image = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.sliding._like().device)
            (scores,) = pytree.tree_leaves(self.sliding(image))
            for dim, (first, length) in enumerate(places, 1):
                scores = scores.narrow(dim, first, length)
        return torch.as_tensor(scores)

    def _write(
        self,
        windows: Sequence[range],
        scores: torch.Tensor | None,
        wanted: np.ndarray,
        counts: Counts,
    ) -> Counts:
        """Write a tile, with no numbers where windows are masked; `state` is the last."""
        start = time.perf_counter()
        layout = self.store.layout
        kept: dict[str, np.ndarray] = {}
        if scores is not None:
            kept = layout.values.kept(scores)
        for name, (dtype, none) in layout.values.stored.items():
            numbers = kept.get(name)
            if numbers is None:
                numbers = np.full((layout.numbers, *wanted.shape), none, dtype)
            numbers[:, ~wanted] = none
            self.store.write(name, windows, numbers)
        self.store.write(STATE, windows, np.where(wanted, DONE, MASKED).astype(np.uint8))
        run, seconds = int(wanted.sum()), time.perf_counter() - start
        return replace(counts, windows=run, masked=wanted.size - run, writing=seconds)
