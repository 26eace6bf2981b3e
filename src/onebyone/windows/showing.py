"""Reports and explanations as tables: on a terminal, as text, in a notebook."""

import io

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from onebyone.windows.explanation import Explanation, Run
from onebyone.windows.report import Report, Row
from onebyone.windows.telling import counted
from onebyone.wording import by


def show_report(report: Report) -> Group:
    """The summary, the layers that compute, and where sharing ends."""
    table = _table(("layer", "operator", "positions", "shared"), ("crops", "here", "saved"))
    for row in report.rows:
        if row.crops:
            table.add_row(*_row_cells(row))
    ends = [f"Sharing ends at {row.layer} ({row.operator}): {row.ended}" for row in report.ends]
    lines = map(Text, (*ends, f"Backend: {report.backend}"))
    why = [] if report.explanation is None else [report.explanation]
    return Group(Text(report.summary, style="bold"), table, *lines, *why)


def show_explanation(explanation: Explanation) -> Group:
    """A table of the runs, then a line for each of the other reasons."""
    table = _table(("layers", "shared", "lattice"), ("crops", "if shared", "here"))
    table.add_column("why", overflow="fold")
    for run in explanation.runs:
        table.add_row(*_run_cells(run))
    unit = f"In operations; each number written counts as {explanation.costs.written} of them."
    reasons = (explanation.pieces, explanation.bands, explanation.at_a_time, explanation.backend)
    return Group(table, *map(Text, (unit, *reasons)))


def as_text(shown: RenderableType) -> str:
    """As a terminal without colours shows it."""
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


def as_html(shown: RenderableType) -> str:
    """As a notebook shows it."""
    console = Console(width=120, record=True, file=io.StringIO(), force_jupyter=False)
    console.print(shown)
    return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def _table(words: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in words:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _row_cells(row: Row) -> list[str]:
    shared = " ".join(f"{a}–{b - 1}" if b > a else "none" for a, b in row.shared)
    saved = f"{row.crops / row.here:.1f}×" if row.here else ""
    return [
        row.layer, row.operator, by(row.positions), shared,
        counted(row.crops), counted(row.here), saved,
    ]  # fmt: skip


def _run_cells(run: Run) -> list[str]:
    names = run.first if run.first == run.last else f"{run.first} … {run.last}"
    several = f" ({run.operators})" if run.operators > 1 else ""
    shared = [
        f"{a}–{b - 1} of {n}" if a < b else f"none of {n}"
        for (a, b), n in zip(run.shared, run.positions, strict=True)
    ]
    lattice = [
        f"{t}, {u}" if a < b else "–"
        for t, u, (a, b) in zip(run.windows_apart, run.dilation, run.shared, strict=True)
    ]
    return [
        names + several, *(_each(cells) for cells in (shared, lattice)),
        counted(run.crops), counted(run.shared_work), counted(run.here), run.why,
    ]  # fmt: skip


def _each(cells: list[str]) -> str:
    """What holds along each axis; once, where it is the same along all."""
    return cells[0] if len(set(cells)) == 1 else "; ".join(cells)
