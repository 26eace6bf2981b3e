"""One form of a layer, drawn: its grids as sheets, its wires, and its matrix."""

import math
from dataclasses import dataclass

import numpy as np

from onebyone.figures.canvas import FAINT, INK, LINE, MONO, MUTED, Canvas, Point
from onebyone.figures.palette import ink_on, place_color, weight_color
from onebyone.figures.terminal import sharing_ranks
from onebyone.layers import LayerMatrix

CELL_X, CELL_Y, SHEAR = 36.0, 21.0, 15.0  # a sheet's cell: width, height, lean per row
SHEET_GAP, DROP = 22.0, 92.0  # between the sheets of two channels; from inputs to outputs
MATRIX_WIDTH, LARGEST_CELL, READABLE_CELL = 296.0, 34.0, 26.0
HEAD = 18.0  # the strip of places beside the matrix
SHEETS_TOP = 92.0
CHIP, CHIP_STEP, CHIP_ROW, MOST_CHIPS = 12.0, 14.0, 16, 64

Sheets = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Panel:
    """What one panel shows.

    `colors` holds the colour of every connection that the narrowest form has, by (row, column):
    the same weight in the same colour in all panels. `ring` is the entry that only this form has.
    """

    title: str
    code: str
    count: str
    note: str
    matrix: LayerMatrix
    colors: dict[tuple[int, int], str]
    ring: tuple[int, int] | None = None


def planar(grid: tuple[int, ...]) -> Sheets:
    """Return a grid of rank 0 to 2 as (channels, height, width)."""
    channels, *space = grid
    height, width = (1, 1, *space)[-2:]
    return channels, height, width


def sheets_width(grid: Sheets) -> float:
    """Return the width of a grid's sheets, side by side."""
    channels, height, width = grid
    return channels * (width * CELL_X + height * SHEAR) + (channels - 1) * SHEET_GAP


def cell_size(matrix: LayerMatrix) -> float:
    """Return the side of a matrix cell."""
    return min(LARGEST_CELL, MATRIX_WIDTH / max(matrix.shape))


def panel_width(matrix: LayerMatrix) -> float:
    """Return the width that a panel needs."""
    geometry = matrix.form.geometry
    sheets = max(sheets_width(planar(grid)) for grid in (geometry.input, geometry.output))
    return max(sheets, HEAD + matrix.shape[1] * cell_size(matrix), 250.0)


def panel_height(matrix: LayerMatrix) -> float:
    """Return the height that a panel needs."""
    return _matrix_top(matrix) + matrix.shape[0] * cell_size(matrix) + 108.0


def draw_panel(canvas: Canvas, corner: Point, width: float, panel: Panel) -> None:
    """Draw a panel with its upper left corner at `corner`."""
    x, y = corner
    middle = x + width / 2
    canvas.text(
        (middle, y + 22), panel.title, 18, font_weight="600", text_anchor="middle", fill=INK
    )
    canvas.text(
        (middle, y + 43), panel.code, 12.5, font_family=MONO, text_anchor="middle", fill=MUTED
    )
    _draw_network(canvas, (middle, y + SHEETS_TOP), panel)
    top = y + _matrix_top(panel.matrix)
    _draw_matrix(canvas, (middle, top), panel)
    bottom = top + panel.matrix.shape[0] * cell_size(panel.matrix)
    canvas.text(
        (middle, bottom + 34), panel.count, 15, font_weight="600", text_anchor="middle", fill=INK
    )
    canvas.text((middle, bottom + 54), panel.note, 12.5, text_anchor="middle", fill=MUTED)
    _draw_stored(canvas, (middle, bottom + 70), panel)


def _matrix_top(matrix: LayerMatrix) -> float:
    geometry = matrix.form.geometry
    heights = [planar(grid)[1] * CELL_Y for grid in (geometry.input, geometry.output)]
    return SHEETS_TOP + sum(heights) + DROP + 74.0


def _cells(grid: Sheets, middle: float, top: float) -> list[list[Point]]:
    """Return the corners of every cell, in the order of the flattened grid."""
    channels, height, width = grid
    left = middle - sheets_width(grid) / 2
    step = width * CELL_X + height * SHEAR + SHEET_GAP
    corners = []
    for channel, row, column in np.ndindex(channels, height, width):
        x = left + channel * step + (height - row) * SHEAR + column * CELL_X
        y = top + row * CELL_Y
        lower = x - SHEAR
        corners.append([(x, y), (x + CELL_X, y), (lower + CELL_X, y + CELL_Y), (lower, y + CELL_Y)])
    return corners


def _center(corners: list[Point]) -> Point:
    return sum(x for x, _ in corners) / 4, sum(y for _, y in corners) / 4


def _draw_network(canvas: Canvas, at: Point, panel: Panel) -> None:
    middle, top = at
    geometry = panel.matrix.form.geometry
    inputs, outputs = planar(geometry.input), planar(geometry.output)
    output_top = top + inputs[1] * CELL_Y + DROP
    sources, sinks = _cells(inputs, middle, top), _cells(outputs, middle, output_top)
    _draw_sheets(canvas, inputs, sources)
    _draw_sheets(canvas, outputs, sinks)
    for row, column in sorted(_entries(panel.matrix), key=lambda entry: entry in panel.colors):
        color = panel.colors.get((row, column))
        style = {"stroke": color or FAINT, "stroke_width": "2.2" if color else "0.9"}
        style["opacity"] = "1" if color else "0.8"
        if (row, column) == panel.ring:
            style = {"stroke": INK, "stroke_width": "1.8", "stroke_dasharray": "4 3"}
        start, end = _center(sources[column]), _center(sinks[row])
        canvas.wire(start, end, **style)
        canvas.dot(start, 3.0 if color else 1.5, fill=color or FAINT)
    for corners in sinks:
        canvas.dot(_center(corners), 3.6, fill=INK)
    for channel in range(inputs[0]):
        corner = sources[channel * inputs[1] * inputs[2]][0]
        name = f"input channel {channel}" if inputs[0] <= 2 else str(channel)
        _label(canvas, (corner[0] + inputs[2] * CELL_X / 2, top - 10), name)
    _label(canvas, (middle, output_top + outputs[1] * CELL_Y + 18), "output")


def _label(canvas: Canvas, at: Point, words: str) -> None:
    canvas.text(at, words, 11.5, text_anchor="middle", fill=MUTED)


def _draw_sheets(canvas: Canvas, grid: Sheets, cells: list[list[Point]]) -> None:
    places = grid[1] * grid[2]
    for index, corners in enumerate(cells):
        canvas.polygon(
            corners, fill=place_color(index % places), stroke="#FFFFFF", stroke_width="1.5"
        )


def _draw_matrix(canvas: Canvas, at: Point, panel: Panel) -> None:
    middle, top = at
    matrix, size = panel.matrix, cell_size(panel.matrix)
    rows, columns = matrix.shape
    left = middle - (columns * size + HEAD) / 2 + HEAD
    geometry = matrix.form.geometry
    _draw_heads(canvas, (left, top), size, geometry.input, across=True)
    _draw_heads(canvas, (left, top), size, geometry.output, across=False)
    canvas.rect(
        (left, top), columns * size, rows * size, 3, fill="#F6F8FA", stroke=LINE, stroke_width="1"
    )
    values = matrix.weight
    for row, column in _entries(matrix):
        corner = (left + column * size, top + row * size)
        _draw_entry(
            canvas, corner, size, float(values[row, column]), panel.colors.get((row, column))
        )
    if panel.ring is not None:
        row, column = panel.ring
        corner = (left + column * size + 1.5, top + row * size + 1.5)
        canvas.rect(corner, size - 3, size - 3, 4, fill="none", stroke=INK, stroke_width="2")


def _draw_entry(
    canvas: Canvas, corner: Point, size: float, value: float, color: str | None
) -> None:
    gap = min(1.5, size / 10)
    box = (corner[0] + gap, corner[1] + gap)
    style = {"fill": color} if color else {"fill": "#FFFFFF", "stroke": LINE, "stroke_width": "1"}
    canvas.rect(box, size - 2 * gap, size - 2 * gap, min(4, size / 6), **style)
    if size >= READABLE_CELL:
        canvas.text(
            (corner[0] + size / 2, corner[1] + size / 2 + 4),
            _short(value),
            11.5,
            text_anchor="middle",
            font_weight="600" if color else "400",
            fill=ink_on(color) if color else FAINT,
        )


def _draw_stored(canvas: Canvas, at: Point, panel: Panel) -> None:
    """Draw one chip for every weight that the form stores, in one box per location it serves."""
    middle, top = at
    geometry, used = panel.matrix.form.geometry, dict[int, str]()
    for entry, index in zip(_entries(panel.matrix), panel.matrix.sharing.tolist(), strict=True):
        used.setdefault(index, panel.colors.get(entry, ""))
    stored = panel.matrix.form.weight.numel()
    if stored > MOST_CHIPS:
        return
    boxes = math.prod(geometry.output) if geometry.kind == "local" else 1
    each = stored // boxes
    across, down = min(each, CHIP_ROW), math.ceil(each / CHIP_ROW)
    width, height = across * CHIP_STEP + 6, down * CHIP_STEP + 6
    total = boxes * (width + 8) - 8
    if total > panel_width(panel.matrix):
        return
    left = middle - total / 2
    places = math.prod(geometry.output[1:])
    for box in range(boxes):
        corner = (left + box * (width + 8), top)
        tint = place_color(box % places) if geometry.kind == "local" else "#EAEEF2"
        canvas.rect(corner, width, height, 4, fill=tint)
        for chip in range(each):
            color = used.get(box * each + chip) or "#FFFFFF"
            x = corner[0] + 4 + chip % CHIP_ROW * CHIP_STEP
            canvas.rect((x, top + 4 + chip // CHIP_ROW * CHIP_STEP), CHIP, CHIP, 2, fill=color)


def _short(value: float) -> str:
    """Return two decimals, fewer where they are exact; rounding never shows as a plain 0 or −0."""
    text = f"{value:.2f}"
    if not float(text):
        text = text.removeprefix("-")
    if float(text) == round(value, 6):
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def _draw_heads(
    canvas: Canvas, corner: Point, size: float, grid: tuple[int, ...], across: bool
) -> None:
    """Draw the strip of place colours above or beside the matrix."""
    left, top = corner
    channels, height, width = planar(grid)
    places = height * width
    for index in range(channels * places):
        along, color = index * size, place_color(index % places)
        inset = min(1.5, size / 10)
        if across:
            box, shape = (left + along + inset, top - 14), (size - 2 * inset, 9.0)
        else:
            box, shape = (left - 14, top + along + inset), (9.0, size - 2 * inset)
        canvas.rect(box, *shape, 2, fill=color)
    if across and channels <= 2:
        for channel in range(channels):
            center = left + (channel + 0.5) * places * size
            _label(canvas, (center, top - 21), f"input channel {channel}")


def _entries(matrix: LayerMatrix) -> list[tuple[int, int]]:
    pattern = matrix.pattern.tocoo()
    return list(zip(pattern.row.tolist(), pattern.col.tolist(), strict=True))


def base_colors(matrix: LayerMatrix) -> dict[tuple[int, int], str]:
    """Return the colour of every connection: one per weight."""
    colors = (weight_color(int(rank)) for rank in sharing_ranks(matrix))
    return dict(zip(_entries(matrix), colors, strict=True))
