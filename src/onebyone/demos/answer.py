"""The answer in the terminal: is a 1×1 convolution a fully connected layer?"""

import math
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from torch import nn

from onebyone.figures import matrix_text
from onebyone.layers import NotConvertible, convert, equal, matrix, nearest

INPUT, OUTPUT = (2, 2, 2), (1, 2, 2)
KERNEL = (0.8, -0.5)
SEED = 0


def example() -> nn.Conv2d:
    """Return the 1×1 convolution of the example: 2 channels to 1."""
    conv = nn.Conv2d(2, 1, 1, bias=False)
    conv.weight = nn.Parameter(torch.tensor(KERNEL).reshape(1, 2, 1, 1))
    return conv


def run(console: Console, _folder: Path | None = None) -> list[Path]:
    """Print the example of 2 channels of 2×2: the three forms, the matrix and the verdicts.

    As the other parts it could have pages, but it has none.
    """
    conv = example()
    console.print()
    console.print("[bold]Is a 1×1 convolution a fully connected layer?[/]")
    console.print("The example: 2 input channels of 2×2, one output channel.\n")
    _print_matrix(console, conv)
    _print_forms(console, conv)
    _print_refusal(console)
    _print_statement(console)
    return []


def _print_matrix(console: Console, conv: nn.Conv2d) -> None:
    m = matrix(conv, INPUT)
    rows, columns = m.shape
    distinct = len(np.unique(m.sharing))
    console.print(
        f"Its matrix is {rows}×{columns}: {m.weight.nnz} connections, {distinct} weights."
    )
    console.print(Padding(matrix_text(m), (1, 2)))


def _print_forms(console: Console, conv: nn.Conv2d) -> None:
    """Print the layer's three forms, what each stores, and whether it equals the convolution."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("the same layer as")
    for heading in ("weights stored", "connections"):
        table.add_column(heading, justify="right")
    table.add_column("equal for every input")
    forms = {
        "1×1 convolution": conv,
        f"{math.prod(OUTPUT)} fully connected layers": convert(conv, "local", INPUT),
        "1 fully connected layer": convert(conv, "dense", INPUT),
    }
    for name, layer in forms.items():
        m, verdict = matrix(layer, INPUT, OUTPUT), equal(conv, layer, INPUT)
        statement = "" if layer is conv else f" ({_statement(verdict.reason)})"
        mark = _mark(bool(verdict)).append(statement, style="not bold default")
        table.add_row(name, str(m.form.weight.numel()), str(m.weight.nnz), mark)
    console.print(table)
    console.print()


def _print_refusal(console: Console) -> None:
    """Print why a fully connected layer in general is no 1×1 convolution, and what it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        dense = nn.Linear(8, 4, bias=False)
    console.print("And back? Is Linear(8, 4) with any weights (here random)")
    try:
        convert(dense, "pointwise", INPUT, OUTPUT)
    except NotConvertible as refusal:
        near = nearest(dense, "pointwise", INPUT, OUTPUT)
        weights = " ".join(f"{value:.3f}" for value in near.layer.get_parameter("weight").flatten())
        _answer(console, False, "a 1×1 convolution over 2 channels of 2×2?", refusal.reason)
        console.print(
            f"      [dim]the nearest has weights {weights}, and is {near.distance:.3f} away:[/]"
        )
        console.print(f"      [dim]{near.relative:.0%} of the layer's own norm[/]")
    window = equal(dense, convert(dense, "convolution", INPUT), INPUT)
    _answer(console, bool(window), "a 2×2 convolution over 2 channels of 2×2?", _why(window.reason))
    flat = (8, 1, 1)
    point = equal(dense, convert(dense, "pointwise", flat), flat)
    _answer(console, bool(point), "a 1×1 convolution over 8 channels of 1×1?", _why(point.reason))
    console.print()


def _answer(console: Console, yes: bool, question: str, reason: str) -> None:
    mark = _mark(yes)
    mark.pad_right(4 - len(mark))
    console.print(Text("  ").append(mark).append(question, style="not bold default"))
    console.print(f"      [dim]{reason}[/]")


def _mark(yes: bool) -> Text:
    return Text("yes", style="bold green") if yes else Text("no", style="bold red")


def _why(reason: str) -> str:
    """Return the statement inside the brackets of a verdict's reason."""
    return reason[reason.index("(") + 1 : -1]


def _statement(reason: str) -> str:
    return _why(reason).partition(":")[0]


def _print_statement(console: Console) -> None:
    console.print("[bold]So[/]")
    for label, words in (
        ("S1", "over a single position (H = W = 1) both are one layer, weight for weight"),
        ("S2", "over H×W positions a 1×1 convolution is H·W fully connected layers that"),
        ("", "share their weights; that is one fully connected layer with M = W ⊗ I"),
        ("S3", "every fully connected layer over C×H×W is a valid H×W convolution"),
        ("S4", "and a 1×1 convolution over C·H·W channels (space relabelled as channels)"),
        ("S7", "it is a 1×1 convolution over C channels if, and only if, M = W ⊗ I"),
        ("S12", "equal now is not equal under training: unshared copies drift apart"),
    ):
        console.print(f"  [bold cyan]{label:>3}[/]  {words}")
    console.print()
