"""Make docs/rewriting-tools.md: onebyone, onnxsim and onnx-conv2matmul on the same files.

    python benchmarks/rewriting_tools.py --out docs/rewriting-tools.md
    python benchmarks/rewriting_tools.py --only attention mobilenet

Every tool gets the same file; its result is written, read back and given to the same check.
Counts are taken from the files, not from what the tools say.
"""

import argparse
import contextlib
import datetime
import io
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import onnx
import onnxsim
import torch
from onnx_conv2matmul import RewriteOptions, rewrite_conv1x1_to_matmul

from onebyone.equivalence.onnx import check_onnx
from onebyone.rewriting.onnx import rewrite_onnx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.onnx_pairs import PAIRS
from helpers.torchvision_offline import models as networks

CONVOLUTION, LINEAR = "convolution", "linear"
# The side of each pair of the tests that is written in the form to be rewritten.
TO_CONVOLUTION = (
    "gemm", "matmul_add", "attention", "whole_extent", "flat_channels_last", "scaled", "tied",
    "quantised",
)  # fmt: skip
TO_LINEAR = ("pointwise_head", "strided", "grouped", "volume")
OPSET = 18


@dataclass(frozen=True)
class Model:
    """A file to rewrite.

    Attributes:
        name: in the table.
        to: the form that its layers should get.
        build: makes it.
    """

    name: str
    to: str
    build: Callable[[], onnx.ModelProto]


def hand_written(name: str, to: str) -> Model:
    return Model(name.replace("_", " "), to, lambda: PAIRS[name]().before)


def exported(module: torch.nn.Module, *sizes: int) -> onnx.ModelProto:
    """A network as PyTorch's exporter writes it, with a dynamic batch."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            module.eval(),
            (torch.randn(2, *sizes),),
            str(path),
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            opset_version=OPSET,
        )
        return onnx.load(path)


def mobilenet() -> onnx.ModelProto:
    """With the statistics of random images in its BatchNorms: outputs of order 1, not 1e-8."""
    network = networks.mobilenet_v2(weights=None, width_mult=0.35).train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network(torch.randn(32, 3, 96, 96))
    return exported(network, 3, 96, 96)


def encoder() -> onnx.ModelProto:
    return exported(torch.nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 16, 64)


MODELS = (
    *(hand_written(name, CONVOLUTION) for name in TO_CONVOLUTION),
    Model("transformer encoder layer", CONVOLUTION, encoder),
    Model("MobileNetV2", CONVOLUTION, mobilenet),
    *(hand_written(name, LINEAR) for name in TO_LINEAR),
    Model("MobileNetV2", LINEAR, mobilenet),
)


def run_onebyone(before: Path, to: str, after: Path) -> list[str]:
    """Rewrite; why layers were left."""
    report = rewrite_onnx(before, to, after).report
    return [row.reason for row in report.left]


def run_onnxsim(before: Path, _to: str, after: Path) -> list[str]:
    model, _ = onnxsim.simplify(onnx.load(before), extra_optimizers=["fuse_matmul_into_conv"])
    onnx.save(model, after)
    return []


def run_conv2matmul(before: Path, _to: str, after: Path) -> list[str]:
    options = RewriteOptions(allow_extended_conv1x1=True, allow_non_unit_dilation=True)
    model, report = rewrite_conv1x1_to_matmul(onnx.load(before), options)
    onnx.save(model, after)
    return [
        node.reason
        for node in report.nodes
        if node.status == "skipped" and node.reason != "kernel_not_1x1"
    ]


Tool = Callable[[Path, str, Path], list[str]]
TOOLS: dict[str, dict[str, Tool]] = {
    CONVOLUTION: {"onebyone": run_onebyone, "onnxsim": run_onnxsim},
    LINEAR: {"onebyone": run_onebyone, "onnx-conv2matmul": run_conv2matmul},
}


def layers(model: onnx.ModelProto, form: str) -> int:
    """Linear layers with a constant weight, or convolutions of one element."""
    constant = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("DequantizeLinear", "Constant") and set(node.input[:1]) <= set(
            constant
        ):
            held = constant[node.input[0]] if node.input else node.attribute[0].t.dims
            constant[node.output[0]] = held
    if form == LINEAR:
        kinds = ("Gemm", "MatMul")
        return sum(n.op_type in kinds and n.input[1] in constant for n in model.graph.node)
    return sum(
        node.op_type in ("Conv", "ConvTranspose") and set(constant[node.input[1]][2:]) == {1}
        for node in model.graph.node
    )


def lost(before: onnx.ModelProto, after: onnx.ModelProto) -> str:
    """Which names and notes of the file are gone."""
    values = [{name for node in m.graph.node for name in node.output} for m in (before, after)]
    nodes = [{node.name for node in m.graph.node} for m in (before, after)]
    notes = [{p.key for p in m.metadata_props} for m in (before, after)]
    made = len(after.graph.node) - len(before.graph.node)
    unnamed = sum(not node.name for node in after.graph.node)
    parts = [
        f"{len(values[0] - values[1])} of {len(values[0])} value names",
        f"{len(nodes[0] - nodes[1])} of {len(nodes[0])} node names",
        *(["metadata"] if notes[0] - notes[1] else []),
        *([f"{unnamed} nodes without a name"] if unnamed else []),
    ]
    return f"{', '.join(p for p in parts if not p.startswith('0 ')) or 'nothing'}; {made:+d} nodes"


def verdict(before: Path, after: Path) -> list[str]:
    """One cell for each kind of check."""
    cells = []
    for row in check_onnx(before, after):
        what = row.detail.split(";")[0] if row.name == "numbers" else "equal"
        undecided = "undecided" in row.detail or "does not run" in row.detail
        cells.append(
            what if row.passed else row.detail if undecided else f"NOT EQUAL: {row.detail}"
        )
    return cells


def rows(model: Model, folder: Path) -> Iterator[tuple[str, ...]]:
    """A row for each tool."""
    torch.manual_seed(0)
    made = model.build()
    made.metadata_props.add(key="source", value="a test")
    before, after = folder / "before.onnx", folder / "after.onnx"
    onnx.save(made, before)
    other = LINEAR if model.to == CONVOLUTION else CONVOLUTION
    for name, tool in TOOLS[model.to].items():
        after.unlink(missing_ok=True)
        reasons = tool(before, model.to, after)
        written = onnx.load(after)
        left, total = layers(written, other), layers(made, other)
        yield (
            model.name,
            f"to {model.to}",
            name,
            f"{total - left} of {total}",
            "; ".join(dict.fromkeys(reasons)) or ("no reason given" if left else ""),
            lost(made, written),
            f"{before.stat().st_size:,} → {after.stat().st_size:,}",
            *verdict(before, after),
        )


COLUMNS = (
    "model", "task", "tool", "rewritten", "why the others were left", "lost", "bytes",
    "structure", "integers", "numbers",
)  # fmt: skip
TEXT = """# Rewriting tools

Made by `benchmarks/rewriting_tools.py` on {date}: onnxsim {onnxsim} with its
`fuse_matmul_into_conv` pass, onnx-conv2matmul {conv2matmul} with its extended mode, onnx {onnx},
onnxruntime {onnxruntime}. Every tool gets the same file; weights are random, the statistics of
MobileNetV2's BatchNorms those of random images.

*Rewritten* counts fully connected layers with a constant weight, or 1×1 convolutions, that are no
longer there. *Lost* are names and metadata of the original that the result does not have. The last
three columns are `onebyone`'s check of the written file against the original, whoever wrote it:
by structure (for every input, in real arithmetic), on integers, and in float32 on random inputs.
onnxsim also folds and fuses other things on the way, which the check follows where it can.
"""


def line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare tools that rewrite linear layers.")
    names = list(dict.fromkeys(model.name for model in MODELS))
    parser.add_argument("--only", nargs="+", choices=names, metavar="MODEL", help=", ".join(names))
    parser.add_argument("--out", type=Path, help="the Markdown file; standard output if not given")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")  # the exporter's and the tools'
    packages = {name: version(f"onnx-{name}") for name in ("conv2matmul",)}
    packages |= {name: version(name) for name in ("onnx", "onnxsim", "onnxruntime")}
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [TEXT.format(date=today, **packages), line(COLUMNS), line(("---",) * len(COLUMNS))]
    for model in MODELS:
        if chosen.only is None or model.name in chosen.only:
            with tempfile.TemporaryDirectory() as folder:
                for cells in rows(model, Path(folder)):
                    lines.append(line(cells))
                    print(lines[-1], file=sys.stderr, flush=True)
    text = "\n".join(lines) + "\n"
    if chosen.out:
        chosen.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
