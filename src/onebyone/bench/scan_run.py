"""Running cases of scans: by turns with sliding over the image in memory, on as many threads."""

from collections.abc import Callable
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from onebyone.bench.machine import run_noting_memory
from onebyone.bench.scan_cases import ScanCase
from onebyone.bench.scan_images import write_image
from onebyone.bench.scan_results import ScanResult
from onebyone.bench.timing import BUDGET
from onebyone.errors import InputError
from onebyone.scans.running import Scan
from onebyone.scans.tile import Counts
from onebyone.turns import by_turns
from onebyone.windows import slide

IN_MEMORY = 4096
"""Pixels of a side of what sliding runs on, at most; its windows a second hardly depend on that."""


def run_scan(
    case: ScanCase,
    folder: Path,
    *,
    rounds: int,
    threads: int,
    say: Callable[[str], None] = lambda _: None,
) -> ScanResult:
    """Measure one case.

    Args:
        case: what is measured.
        folder: for images, which are made once, and for maps.
        rounds: how often each side runs, at most.
        threads: of PyTorch for sliding, and tiles at a time for scanning.
        say: told what is done now.
    """
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        return _run(case, folder, rounds, threads, say)
    except InputError as error:
        return ScanResult(case.name, threads, skipped=str(error))
    finally:
        torch.set_num_threads(before)


def _run(
    case: ScanCase, folder: Path, rounds: int, threads: int, say: Callable[[str], None]
) -> ScanResult:
    from onebyone.scans import scan

    image = folder / f"{case.kind}-{case.side}-{case.window[0]}{_SUFFIXES[case.kind]}"
    sliding = slide(case.build(), case.window, case.stride, scale=1 / 255)
    if not image.exists():
        say("making the image")
        write_image(case.kind, image, case.side, case.window[0])
    part = _part(image, min(case.side, IN_MEMORY))
    done: list[Scan] = []
    scores: dict[str, Tensor] = {}

    def scanned() -> None:
        done.append(scan(image, sliding, folder / "map.zarr", executor=threads, overwrite=True))

    def slid() -> None:
        with torch.inference_mode():
            scores["slide"] = sliding(part)

    say("scanning")
    sliding.plan(*part.shape[1:])
    _, memory = run_noting_memory(scanned)
    say("timing")
    times = by_turns({"slide": slid, "scan": scanned}, rounds, each=BUDGET)
    grid = scores["slide"].shape[1:]
    same = done[-1].open().read(0, tuple(slice(0, n) for n in grid))
    largest = scores["slide"].abs().max()
    difference = (scores["slide"] - torch.from_numpy(same)).abs().max() / largest
    spent = sum((run.counts for run in done), Counts())
    busy = spent.reading + spent.computing + spent.writing
    windows = prod(done[-1].grid)
    return ScanResult(
        case.name, threads, windows,
        slide=tuple(prod(grid) / s for s in times["slide"]),
        scan=tuple(windows / s for s in times["scan"]),
        reading=spent.reading / busy, computing=spent.computing / busy,
        writing=spent.writing / busy, memory=memory, difference=difference.item(),
    )  # fmt: skip


_SUFFIXES = {"jpeg": ".tif", "zarr": ".zarr"}


def _part(image: Path, side: int) -> Tensor:
    """The first pixels [C, side, side] of an image, in memory."""
    from onebyone.scans.sources.opening import open_source

    with open_source(image) as source:
        return torch.from_numpy(source.read(0, (0, 0), (side, side)))
