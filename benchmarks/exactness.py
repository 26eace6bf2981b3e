"""Make docs/exactness.md: how far `slide` is from float64 crops, and how much faster than crops.

    python benchmarks/exactness.py --out docs/exactness.md
    python benchmarks/exactness.py --only resnet vgg --rounds 3

Both sides run in one process, by turns, on the same threads; times are medians over the rounds.
Crops run in the best of several batch sizes. Weights are random (`enliven`), nothing is downloaded.
"""

import argparse
import datetime
import gc
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import onebyone as ob
from onebyone.bench.machine import processor

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.oracle import Figures, measure, run_crops
from helpers.torchvision_offline import FAMILIES, Family

WINDOW = 224
STRIDE = 32
BATCHES = (1, 4, 16)
# Windows along each axis: fewer where one window alone takes long.
GRID = 4
SLOW_GRID = {"vit": 2, "wide_resnet": 3, "vgg": 3, "vgg_bn": 3, "maxvit": 3, "swin_v2": 3}

NEXT = "\n## ONNX files\n"

COLUMNS = (
    "family", "network", "window, stride, image", "error", "of crops", "allowed",
    "ratio of operations", "speed-up seen", "sharing ends at",
)  # fmt: skip
TEXT = """
Each family of torchvision's classification networks, its smallest member, slid over an image of
noise. *Error* is the largest difference from the same network in float64 run crop by crop, in
millionths of the largest output; *of crops* is that of float32 crops. The contract *allows* four
times the error of crops and one millionth more. *Ratio of operations* is that of crops over the
emitted graph; *speed-up seen* is the time of crops, in the best of the batch sizes {batches},
over the time of `slide`. With so few windows ({windows}) neither is large: on larger images and at
finer strides both grow.
"""


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def speed_up(sliding: nn.Module, model: nn.Module, x: Tensor, rounds: int) -> float:
    """Time of the best-batched crops over the time of `slide`, run by turns; medians."""

    def crops(batch: int) -> float:
        return seconds(lambda: run_crops(model, x, (3, WINDOW, WINDOW), STRIDE, batch))

    best = min(BATCHES, key=crops)
    sliding(x)
    pairs = [(crops(best), seconds(lambda: sliding(x))) for _ in range(rounds)]
    theirs, ours = zip(*pairs, strict=True)
    return statistics.median(theirs) / statistics.median(ours)


def ends(report: ob.Report) -> str:
    """Where sharing ended and why, short enough for a table's cell."""
    return "; ".join(dict.fromkeys(f"{end.layer}: {end.ended}" for end in report.ends)) or "nowhere"


def row(family: Family, rounds: int) -> tuple[str, ...]:
    """One family measured: the cells of its row."""
    model = family.build(WINDOW)
    windows = SLOW_GRID.get(family.name, GRID)
    side = WINDOW + (windows - 1) * STRIDE
    window = (3, WINDOW, WINDOW)
    x = torch.randn(1, 3, side, side)
    sliding = ob.slide(model, window, STRIDE, verify=0)
    output = sliding(x)
    figures: Figures
    (figures,) = measure(output, model, x, window, STRIDE, batch=4)
    if figures.error > figures.bound:
        print(f"{family.name}: outside the contract: {figures}", file=sys.stderr)
    report = sliding.report(side, side)
    return (
        family.name,
        family.smallest,
        f"{WINDOW}², {STRIDE}, {side}²",
        *(f"{1e6 * e / figures.scale:.3g}" for e in (figures.error, figures.crops, figures.bound)),
        f"{report.ratio:.2f}",
        f"{speed_up(sliding, model, x, rounds):.2f}",
        ends(report),
    )


def line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def heading(rounds: int) -> str:
    """Under what conditions the table was made."""
    return (
        "# Exactness\n\nMade by `benchmarks/exactness.py` on "
        f"{datetime.datetime.now(datetime.UTC).date()}: {processor()}, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, Python "
        f"{platform.python_version()}, float32, medians over {rounds} rounds.\n"
        + TEXT.format(batches=", ".join(map(str, BATCHES)), windows="4 to 16")
    )


def behind(page: Path) -> str:
    """What the page has after this table, made by others."""
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    return "".join(before.partition(NEXT)[1:])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how exact and how fast `slide` is.")
    names = [family.name for family in FAMILIES]
    parser.add_argument("--only", nargs="+", choices=names, metavar="FAMILY", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="the Markdown file; standard output if not given")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    torch.manual_seed(0)
    lines = [heading(chosen.rounds), line(COLUMNS), line(("---",) * len(COLUMNS))]
    for family in FAMILIES:
        if chosen.only is None or family.name in chosen.only:
            with torch.no_grad():
                lines.append(line(row(family, chosen.rounds)))
            print(lines[-1], file=sys.stderr, flush=True)
            gc.collect()
    text = "\n".join(lines) + "\n"
    if chosen.out:
        chosen.out.write_text(text + behind(chosen.out), encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
