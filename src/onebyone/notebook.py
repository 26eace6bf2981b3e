"""Objects as notebooks show them: a sentence, facts, a table; one look, in light and in dark.

Colours are the page's own, or such with transparency, and styles stand at each element: notebooks
and sites that show them remove style sheets.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

LINE = "1px solid rgba(128,128,128,.35)"
CELL = "padding:3px 12px 3px 0;border:0;vertical-align:top;background:none"
TURN = 137.508  # degrees of hue from one number to the next: near numbers differ most


def shown(kind: str, sentence: str, facts: Mapping[str, object] | None = None, *more: str) -> str:
    """An object as HTML.

    Args:
        kind: of the object, its class.
        sentence: what it says; its lines are kept.
        facts: a row for each, a name and a value.
        more: HTML below, as of `table`.
    """
    rows = "".join(
        f'<tr style="background:none"><th style="{CELL};text-align:left;font-weight:400;'
        f'opacity:.75">{escape(name)}</th>'
        f'<td style="{CELL};text-align:left">{escape(str(value))}</td></tr>'
        for name, value in (facts or {}).items()
    )
    return (
        '<div style="font:14px/1.5 system-ui,sans-serif;max-width:80em;overflow-x:auto">'
        f'<div style="font-size:12px;opacity:.75">{escape(kind)}</div>'
        f'<div style="font-weight:600;white-space:pre-line">{escape(sentence)}</div>'
        f"{_table(rows) if rows else ''}{''.join(more)}</div>"
    )


def framed(page: str, title: str) -> str:
    """A whole page as a notebook shows it, in a frame of its own."""
    return (
        f'<iframe srcdoc="{escape(page)}" title="{escape(title)}" '
        'style="width:100%;height:900px;border:0"></iframe>'
    )


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[str] = ()
) -> str:
    """Rows of text below the names of their columns, as HTML.

    Args:
        columns: their names.
        rows: a cell for each column.
        numbers: names of the columns that stand at the right.
    """
    sides = ["right" if name in numbers else "left" for name in columns]

    def row(tag: str, cells: Sequence[str], style: str) -> str:
        written = "".join(
            f'<{tag} style="{CELL};text-align:{side};{style}">{escape(cell)}</{tag}>'
            for cell, side in zip(cells, sides, strict=True)
        )
        return f'<tr style="background:none">{written}</tr>'

    head = row("th", columns, f"font-weight:600;border-bottom:{LINE}")
    return _table(head + "".join(row("td", cells, "") for cells in rows))


def grid(rows: Iterable[Iterable[tuple[str, int | None]]]) -> str:
    """Cells in rows as HTML, each a text and the number of its colour; None for no colour."""
    return _table(
        "".join(
            f'<tr style="background:none">{"".join(_coloured(*cell) for cell in row)}</tr>'
            for row in rows
        )
    )


def _coloured(text: str, number: int | None) -> str:
    hue = None if number is None else round(TURN * number) % 360
    ground = "none" if hue is None else f"hsla({hue},70%,50%,.3)"
    faint = ";opacity:.5" if hue is None else ""
    return (
        f'<td style="padding:1px 4px;font-size:12px;text-align:center;border:{LINE};'
        f'background:{ground}{faint}">'
        f"{escape(text)}</td>"
    )


def _table(rows: str) -> str:
    style = "border-collapse:collapse;margin:6px 0 0;font-size:13px;border:0"
    return f'<table style="{style};font-variant-numeric:tabular-nums">{rows}</table>'
