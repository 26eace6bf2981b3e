"""The results as tables: rich on a terminal, Markdown in the docs."""

from collections.abc import Callable, Sequence
from math import inf, isfinite

from rich.table import Table

from onebyone.bench.results import CaseResult, Results

NONE = "–"
WIDE = 200
NARROW = {"case", "crops, best", "onebyone, best", "speed-up", "operations"}
NAMES = {
    "torch": "PyTorch",
    "inductor": "inductor",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}


def conditions(results: Results) -> str:
    """Where, when and how often, in one line."""
    machine = results.machine
    return (
        f"{results.date}, {machine.processor}, {machine.threads} threads, torch {machine.torch}, "
        f"Python {machine.python}, float32; medians over {results.rounds} rounds; matrix products "
        f"reach {machine.peak / 1e9:.0f} GFLOP/s"
    )


def rows(results: Results) -> tuple[list[str], list[list[str]]]:
    """Headings, and a row for each case that was measured."""
    backends = [b for b in NAMES if any(c.best("onebyone", b) for c in results.cases)]
    columns: dict[str, Callable[[CaseResult], str]] = {
        "case": lambda c: c.name,
        "windows": lambda c: f"{c.windows:,}",
        "MONAI": lambda c: _time(c.seconds("tool")),
        "crops, best": lambda c: _with_backend(c, "crops"),
        "onebyone, best": lambda c: _with_backend(c, "onebyone"),
        "speed-up": lambda c: _times(c.speedup()),
        "operations": lambda c: _times(c.ratio),
    }
    for backend in backends:
        columns[f"on {NAMES[backend]}"] = lambda c, b=backend: _share(c, b)
    columns["memory"] = _memory
    columns["of peak"] = lambda c: f"{_rate(c) / results.machine.peak:.0%}"
    columns["converted"] = lambda c: _time(c.seconds("converted"))
    columns["padding=image"] = lambda c: _time(c.seconds("image"))
    columns["their error"] = _error
    measured = [case for case in results.cases if not case.skipped]
    return list(columns), [[cell(case) for cell in columns.values()] for case in measured]


def notes(results: Results) -> list[str]:
    """A line for what was not measured, or less often, with the reason; equal ones together."""
    found: dict[str, list[str]] = {}
    for case in results.cases:
        if case.skipped:
            found.setdefault(case.skipped, []).append(case.name)
        for timing in case.timings:
            reason = timing.skipped
            if not reason and len(timing.seconds) < results.rounds:
                reason = f"only {len(timing.seconds)} rounds, for time"
            if reason:
                what = f"{timing.name} ({timing.backend}): {reason}"
                found.setdefault(what, []).append(case.name)
    return [f"{', '.join(names)}: {reason}" for reason, names in found.items()]


def rich_table(results: Results, width: int) -> Table:
    """The table for a terminal of so many columns; narrow ones show what matters most."""
    headings, cells = rows(results)
    shown = [n for n, heading in enumerate(headings) if width >= WIDE or heading in NARROW]
    wider = f"; {WIDE} columns show more" if len(shown) < len(headings) else ""
    table = Table(title=conditions(results), caption=f"--json has every round{wider}")
    for n in shown:
        table.add_column(headings[n], justify="right" if n else "left", overflow="fold")
    for row in cells:
        table.add_row(*(row[n] for n in shown))
    return table


def markdown(results: Results) -> str:
    """The conditions, the table and what was skipped, as Markdown."""
    headings, cells = rows(results)
    lines = [f"Made by `{results.command}`: {conditions(results)}.", ""]
    lines += [_line(headings), _line(["---", *["---:"] * (len(headings) - 1)]), *map(_line, cells)]
    found = notes(results)
    if found:
        lines += ["", "Not measured, or less often:", "", *(f"- {note}" for note in found)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _with_backend(case: CaseResult, kind: str) -> str:
    best = case.best(kind)
    return NONE if best is None else f"{_time(case.seconds(kind))} ({NAMES[best.backend]})"


def _time(seconds: float) -> str:
    if not isfinite(seconds):
        return NONE
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:,.3g} s".replace("e+", "e")


def _times(ratio: float | None) -> str:
    return NONE if ratio is None else f"{ratio:.3g}×"


def _share(case: CaseResult, backend: str) -> str:
    speedup, share = case.speedup(backend), case.share(backend)
    return NONE if share is None else f"{_times(speedup)} ({share:.0%})"


def _memory(case: CaseResult) -> str:
    best = case.best("onebyone")
    return NONE if best is None or best.memory is None else f"{best.memory / 2**20:,.0f} MiB"


def _rate(case: CaseResult) -> float:
    """Operations a second of the fastest backend."""
    seconds = case.seconds("onebyone")
    return 0.0 if seconds == inf else case.here / seconds


def _error(case: CaseResult) -> str:
    found = [case.best(kind) for kind in ("image", "converted")]
    errors = [t.difference for t in found if t is not None and t.difference is not None]
    if not errors:
        return NONE
    return f"{errors[0]:.0%}" if errors[0] > 1e-4 else "none"  # without padding they are equal
