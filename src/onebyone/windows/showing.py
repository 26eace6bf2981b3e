"""Tables that are shown on a terminal and as text, of whatever is told in cells."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table


def table(
    words: Sequence[str],
    numbers: Sequence[str],
    rows: Iterable[Sequence[str]],
    last: Sequence[str] = (),
) -> Table:
    """A table of these rows.

    Args:
        words: names of the first columns, which may be folded.
        numbers: of the next ones, which are not.
        rows: a cell for each column.
        last: of the last columns, words again.
    """
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in words:
        made.add_column(name, overflow="fold")
    for name in numbers:
        made.add_column(name, justify="right", no_wrap=True)
    for name in last:
        made.add_column(name, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def as_text(shown: RenderableType) -> str:
    """As a terminal without colours shows it."""
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(shown)
    return capture.get()
