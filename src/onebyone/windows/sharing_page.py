"""The picture of what windows share: one self-contained page, made of a report's numbers."""

import html
from collections.abc import Sequence
from importlib import resources
from itertools import groupby
from typing import Any

from onebyone.template import SHARED, filled, import_map, script_json
from onebyone.windows.report import Report, Row

AXES = {1: ("along",), 2: ("down", "across"), 3: ("deep", "down", "across")}
"""How the page calls the axes of an image."""


def page(report: Report, picture: str = "") -> str:
    """Return the page as HTML text.

    Args:
        report: what is shared.
        picture: of the image, a data: URI, which lies under the windows.
    """
    files = resources.files("onebyone.windows").joinpath("page")
    parts = {
        "style": files.joinpath("sharing.css").read_text(encoding="utf-8"),
        "text": html.escape(str(report)),
        "data": script_json(numbers(report) | {"picture": picture}),
        "modules": import_map(shared=SHARED, sharing=files),
    }
    return filled(files.joinpath("sharing.html").read_text(encoding="utf-8"), parts)


def numbers(report: Report) -> dict[str, Any]:
    """What the page knows: of each layer along each axis which positions lie on which lattice.

    Returns:
        `runs` are the first and last-plus-one layer of each run of layers that windows share
        alike. Position p of window i, if it is shared, lies at place
        `windowsApart`·i + `dilation`·(p − a) of a map of all windows, a the first shared one.
    """
    why = report.explanation
    reasons = [] if why is None else [why.pieces, why.bands, why.at_a_time, why.backend]
    return {
        "summary": report.summary,
        "axes": AXES[len(report.size)],
        "window": report.window[1:],
        "stride": report.stride,
        "size": report.size,
        "grid": report.grid,
        "padding": report.padding,
        "pieces": report.pieces,
        "turns": report.turns,
        "backend": report.backend,
        "reasons": reasons,
        "crops": report.crops,
        "here": report.here,
        "layers": [_layer(row) for row in report.rows],
        "runs": runs(report.rows),
    }


def _layer(row: Row) -> dict[str, Any]:
    return {
        "name": row.layer,
        "operator": row.operator,
        "shape": row.shape,
        "positions": row.positions,
        "shared": row.shared,
        "windowsApart": row.windows_apart,
        "dilation": row.dilation,
        "crops": row.crops,
        "here": row.here,
        "ended": row.ended,
    }


def runs(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """First and last-plus-one of each run of rows that lie on one lattice, or on none."""
    ends = 0

    def alike(row: Row) -> tuple[object, ...]:
        nonlocal ends
        ends += bool(row.ended)
        shared = tuple(a < b for a, b in row.shared)
        if not any(shared):
            return (ends,)
        return (ends, shared, row.windows_apart, row.dilation)

    lengths = [len([*found]) for _, found in groupby(rows, alike)]
    stops = [sum(lengths[:count]) for count in range(1, len(lengths) + 1)]
    return [(stop - length, stop) for stop, length in zip(stops, lengths, strict=True)]
