"""The results of scans as tables: rich on a terminal, Markdown in the docs."""

from collections.abc import Sequence
from statistics import median

from rich.table import Table

from onebyone.bench.scan_results import ScanResult

TITLE = "Windows a second of scanning, over those of sliding with the image in memory"
HEADINGS = (
    "case", "windows", "threads", "slide, windows/s", "scan, windows/s", "ratio", "reading",
    "computing", "writing", "memory", "difference",
)  # fmt: skip


def scan_rows(results: Sequence[ScanResult]) -> list[list[str]]:
    """A row for each case that was measured."""
    return [_row(result) for result in results if not result.skipped]


def _row(result: ScanResult) -> list[str]:
    shares = (result.reading, result.computing, result.writing)
    return [
        result.name, f"{result.windows:,}", f"{result.threads}", f"{median(result.slide):,.0f}",
        f"{median(result.scan):,.0f}", f"{result.ratio:.2f}", *(f"{share:.0%}" for share in shares),
        "–" if result.memory is None else f"{result.memory / 2**20:,.0f} MiB",
        f"{result.difference:.1e}",
    ]  # fmt: skip


def scan_notes(results: Sequence[ScanResult]) -> list[str]:
    """A line for each case that was not measured."""
    return [f"{result.name}: {result.skipped}" for result in results if result.skipped]


def scan_rich_table(results: Sequence[ScanResult]) -> Table:
    """The table for a terminal."""
    table = Table(title=TITLE)
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    for row in scan_rows(results):
        table.add_row(*row)
    return table


def scan_markdown(results: Sequence[ScanResult]) -> str:
    """The table and what was skipped, as Markdown."""
    lines = [HEADINGS, ("---", *["---:"] * (len(HEADINGS) - 1)), *scan_rows(results)]
    notes = [f"- {note}" for note in scan_notes(results)]
    table = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([*table, *(["", *notes] if notes else [])]) + "\n"
