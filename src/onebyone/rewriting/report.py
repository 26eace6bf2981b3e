"""What a rewrite did to each layer, and what the check of the result found."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from onebyone import notebook
from onebyone.equivalence import Check
from onebyone.wording import by

COLUMNS = ("layer", "operator", "weight", "became, or why not")


@dataclass(frozen=True)
class Row:
    """One layer that could be meant.

    Attributes:
        name: of the module, node or tensor.
        operator: as its file or module calls it.
        shape: of its weight, before.
        became: the new operator and its name; empty where the layer was left as it was.
        reason: why it was left; empty where it was rewritten.
    """

    name: str
    operator: str
    shape: tuple[int, ...]
    became: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Moves:
    """Transposes and reshapes that the rewrite brought in.

    Attributes:
        added: beside the rewritten layers.
        cancelled: against one another.
        left: in the result.
        written_out: normalisations that were written as operators over another axis, to save some.
    """

    added: int = 0
    cancelled: int = 0
    left: int = 0
    written_out: int = 0


@dataclass(frozen=True)
class Report:
    """What was rewritten, what was left and why, and the checks.

    Attributes:
        to: "convolution" or "linear".
        layout: of the convolutions.
        rows: one for each layer that could be meant.
        bytes_before: of the model or file given.
        bytes_after: of the result.
        moves: transposes and reshapes that came with it.
        checks: empty where none was asked for.
    """

    to: str
    layout: str
    rows: tuple[Row, ...]
    bytes_before: int
    bytes_after: int
    moves: Moves = Moves()
    checks: tuple[Check, ...] = ()

    @property
    def rewritten(self) -> list[Row]:
        """The layers that were rewritten."""
        return [row for row in self.rows if row.became]

    @property
    def left(self) -> list[Row]:
        """The layers that were left as they were."""
        return [row for row in self.rows if not row.became]

    @property
    def passed(self) -> bool:
        """Whether no check speaks against the result."""
        return all(check.passed for check in self.checks)

    @property
    def summary(self) -> str:
        """The figures in one line."""
        written = self.moves.written_out
        return (
            f"{len(self.rewritten)} of {len(self.rows)} layers rewritten to {self.to}, "
            f"{self.bytes_before:,} bytes before, {self.bytes_after:,} after; transposes and "
            f"reshapes: {self.moves.added} added, {self.moves.cancelled} cancelled, "
            f"{self.moves.left} left"
            f"{f'; {written} normalisations written as operators to save some' if written else ''}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, strings, lists and dicts."""
        return {**asdict(self), "passed": self.passed}

    def __rich__(self) -> Group:
        """The summary, a row for each layer, a line for each check."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in COLUMNS:
            table.add_column(name, overflow="fold")
        for row in self.rows:
            table.add_row(*_cells(row))
        checks = [Text(str(check)) for check in self.checks]
        return Group(Text(self.summary, style="bold"), *([table] if self.rows else []), *checks)

    def __str__(self) -> str:
        console = Console(width=120, color_system=None)
        with console.capture() as capture:
            console.print(self)
        return capture.get()

    def __repr__(self) -> str:
        return "\n".join([self.summary, *map(str, self.checks)])

    def _repr_html_(self) -> str:
        return self.as_html("Report", self.summary)

    def as_html(self, kind: str, sentence: str) -> str:
        """The rows and checks as a notebook shows them, below a sentence."""
        checks = {check.name: str(check).partition(": ")[2] for check in self.checks}
        rows = notebook.table(COLUMNS, map(_cells, self.rows)) if self.rows else ""
        return notebook.shown(kind, sentence, checks, rows)


def _cells(row: Row) -> list[str]:
    """A layer as the columns of a table."""
    return [row.name, row.operator, by(row.shape), row.became or row.reason]


@dataclass(frozen=True)
class Rewritten:
    """The result of a rewrite.

    Attributes:
        model: the module or exported program, or the path of the file written.
        report: what was done.

    Example:
        >>> found = ob.rewrite(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 3)), to="linear")
        >>> [row.became for row in found.report.rewritten]
        ['Linear 2×3']
        >>> print(found.report.left[0].reason)
        its kernel is 3×3: only a 1×1 convolution is linear (S2)
        >>> [(check.name, check.passed) for check in found.report.checks]
        [('structure', True), ('integers', True), ('numbers', True)]
    """

    model: Any
    report: Report

    def __str__(self) -> str:
        return f"{self._name}: {self.report!r}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.report.as_html("Rewritten", f"{self._name}: {self.report.summary}")

    @property
    def _name(self) -> str:
        """The file, or what the model is."""
        if self.model is None:
            return "not written"
        named = isinstance(self.model, str | Path)
        return str(self.model) if named else type(self.model).__name__
