"""The demonstration of scans: a slide that is scanned, killed half-way, and gone on with."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from onebyone.demos import scan_networks
from onebyone.demos.scan_images import EXTRA, load, mirrored, write_ome_zarr, write_slide
from onebyone.demos.scan_networks import STRIDE, WINDOW
from onebyone.errors import InputError
from onebyone.windows import SlidingModel, slide

SIDE = 4096
"""Pixels of a side of the slide."""
_LOOK = 0.02
"""Seconds between looks at how far the scan is that is killed."""
_SHOWN = 1024
"""Pixels of the longer side of the picture under a map, at most."""
_SLIDE, _MAP, _NAMES = "tissue.tif", "tissue.zarr", "stains.txt"


@dataclass(frozen=True)
class Figures:
    """What a scan is held against.

    Attributes:
        windows: of the image.
        rate: of them a second, of a scan that nothing disturbed.
        kept: tiles that the killed scan had done, of all; None where none was killed.
        equal: whether the map has the bits of a second scan.
        difference: the largest from `slide` on the whole image, which is held in memory.
        largest: of the scores.
    """

    windows: int
    rate: float
    kept: str | None
    equal: bool
    difference: float
    largest: float


def run(console: Console, folder: Path) -> list[Path]:
    """Scan a slide, which is killed half-way, and a photo; give the pages of both maps."""
    try:
        import_module("tifffile")
        import_module("onebyone.scans")
    except (ImportError, InputError) as error:
        raise InputError(f"the scan demo needs zarr and tifffile: {EXTRA}") from error
    tissue, retina = mirrored(load("immunohistochemistry"), SIDE), load("retina")
    console.print(
        f"scikit-image's stained tissue, mirrored to {SIDE:,}×{SIDE:,} pixels, in a TIFF of JPEG "
        f"tiles; its photo of a retina as OME-Zarr. A window of 32×32 goes over both in steps of "
        f"{STRIDE}. The classifiers are convolutions whose filters are written down, not trained: "
        "they tell colours and dark lines, and know nothing of medicine."
    )
    with TemporaryDirectory() as temporary:
        work = Path(temporary)
        found = {
            "tissue": _tissue(console, work, tissue, folder / "scan-tissue.html"),
            "retina": _retina(console, work, retina, folder / "scan-retina.html"),
        }
    console.print(figures_table(found))
    return [folder / f"scan-{name}.html" for name in found]


def _tissue(console: Console, work: Path, picture: np.ndarray, page: Path) -> Figures:
    """Scan the slide by the command line, kill that, and go on."""
    write_slide(work / _SLIDE, picture)
    (work / _NAMES).write_text("\n".join(scan_networks.STAINS) + "\n", "utf-8")
    words = [
        "scan", _SLIDE, "--model", "onebyone.demos.scan_networks:stains",
        "--window", ",".join(map(str, WINDOW)), "--stride", str(STRIDE), "--scale", "1/255",
        "--values", "probabilities", "--names", _NAMES, "--to", _MAP,
    ]  # fmt: skip
    _say(console, words)
    kept, tiles = run_and_kill(words, work)
    console.print(f"killed (SIGKILL) with {kept} of {tiles} tiles done; on with the rest:")
    _say(console, [*words, "--resume"])
    ended = subprocess.run(
        [sys.executable, "-m", "onebyone", *words, "--resume"],
        cwd=work, capture_output=True, text=True, check=True,
    )  # fmt: skip
    console.print(ended.stdout.strip(), markup=False)
    sliding = slide(scan_networks.stains(), WINDOW, STRIDE, scale=1 / 255)
    return _held_against(
        work / _SLIDE, work / _MAP, sliding, scan_networks.STAINS, page,
        picture=picture, kept=f"{kept} of {tiles}",
    )  # fmt: skip


def run_and_kill(words: Sequence[str], work: Path) -> tuple[int, int]:
    """Begin a scan in a process of its own, and kill that when half of the tiles are done.

    Returns:
        How many were done, and how many there are.
    """
    from onebyone.scans import open_map

    command = [sys.executable, "-m", "onebyone", *words]
    with subprocess.Popen(command, cwd=work, stderr=subprocess.PIPE, text=True) as process:
        tiles, done = 0, 0
        while process.poll() is None and not (tiles and done >= tiles / 2):
            time.sleep(_LOOK)
            if not tiles and (work / _MAP / "zarr.json").exists():
                state = open_map(work / _MAP).state
                tiles = prod(-(-n // m) for n, m in zip(state.shape, state.chunks, strict=True))
            done = sum(file.is_file() for file in (work / _MAP / "state" / "c").glob("*/*"))
        process.kill()
        _, said = process.communicate()
    if not tiles:
        raise RuntimeError(f"the scan ended before it began: {said}")
    return done, tiles


def _retina(console: Console, work: Path, picture: np.ndarray, page: Path) -> Figures:
    """Scan the photo in this process."""
    from onebyone.scans import scan

    source, target = work / "retina-image.zarr", work / "retina.zarr"
    write_ome_zarr(source, picture)
    sliding = slide(scan_networks.eye(), WINDOW, STRIDE, scale=1 / 255)
    console.print('ob.scan("retina-image.zarr", sliding, "retina.zarr", values="probabilities")')
    scan(source, sliding, target, values="probabilities", classes=scan_networks.EYE)
    return _held_against(source, target, sliding, scan_networks.EYE, page, picture=picture)


def _held_against(
    image: Path,
    map: Path,
    sliding: SlidingModel,
    classes: Sequence[str],
    page: Path,
    *,
    picture: np.ndarray,
    kept: str | None = None,
) -> Figures:
    """Compare a map with a second scan, and with the whole image in memory; write its page."""
    from onebyone.scans import export, open_map, scan
    from onebyone.scans.sources.opening import open_source

    again = scan(image, sliding, map.with_suffix(".again"), values="probabilities", classes=classes)
    scores, second = (m.read(0, (slice(None),) * 2) for m in (open_map(map), again.open()))
    with open_source(image) as source, torch.inference_mode():
        size = source.levels[0].size
        whole = sliding(torch.from_numpy(source.read(0, (0,) * len(size), size)))
    expected = nn.functional.softmax(whole, 0).numpy()
    step = -(-max(picture.shape) // _SHOWN)
    export(map, page, image=picture[::step, ::step].transpose(2, 0, 1))
    return Figures(
        windows=scores[0].size,
        rate=again.counts.windows / again.seconds,
        kept=kept,
        equal=scores.tobytes() == second.tobytes(),
        difference=float(np.abs(scores - expected).max()),
        largest=float(expected.max()),
    )


def figures_table(found: dict[str, Figures]) -> Table:
    """What scans were found to be, side by side."""
    table = Table(title="Scanned tile by tile")
    table.add_column("")
    for name in found:
        table.add_column(name, justify="right")
    rows = {
        "windows": [f"{f.windows:,}" for f in found.values()],
        "windows a second": [f"{f.rate:,.0f}" for f in found.values()],
        "tiles kept over the kill": [f.kept or "–" for f in found.values()],
        "bits of a second scan": ["equal" if f.equal else "not equal" for f in found.values()],
        "largest difference from the whole image in memory": [
            f"{f.difference:.1e}" for f in found.values()
        ],
        "largest score": [f"{f.largest:.1f}" for f in found.values()],
    }
    for label, cells in rows.items():
        table.add_row(label, *cells)
    return table


def _say(console: Console, words: Sequence[str]) -> None:
    console.print(f"onebyone {' '.join(words)}", style="bold", markup=False, highlight=False)
