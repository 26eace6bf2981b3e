"""The picture of a layer: every form that equals it, side by side, with its matrix."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from onebyone.choices import Kind
from onebyone.errors import InputError
from onebyone.figures.canvas import CARD, FAINT, INK, LINE, MUTED, Canvas
from onebyone.figures.interactive import page
from onebyone.figures.mlpconv import as_mlpconv
from onebyone.figures.panel import Panel, base_colors, draw_panel, panel_height, panel_width
from onebyone.figures.still import STILLS, Still, suffix_of
from onebyone.layers import LayerMatrix, convert, equal, matrix
from onebyone.notebook import framed
from onebyone.writing import replacing

MARGIN, BETWEEN, FOOTER = 28.0, 54.0, 84.0
LARGEST = 64
"""The most inputs and outputs that a still picture shows."""

TITLES = {
    "dense": "One fully connected layer",
    "linear": "One linear layer at every position",
}

NUMBERS = dict(
    enumerate(["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"], start=1)
)


@dataclass(frozen=True, eq=False)
class Figure:
    """A picture of a layer, still and interactive; a notebook shows it by itself.

    Attributes:
        layer: the layer; of an mlpconv layer the first convolution.
        matrix: of `layer`.
        mixing: the 1×1 convolutions after it in an mlpconv layer, which only the interactive
            picture shows.

    Example:
        >>> figure = ob.explain(nn.Conv2d(2, 1, 1), input=(2, 2, 2))
        >>> figure.save("layer.html")  # to play with; .svg and .png are stills
        >>> figure.matrix.shape
        (4, 8)
    """

    layer: nn.Module
    matrix: LayerMatrix
    mixing: tuple[nn.Module, ...] = ()

    @cached_property
    def still(self) -> Still:
        """The still picture: the layer and the wider kinds that it equals, side by side.

        Raises:
            InputError: the layer has more than LARGEST inputs or outputs, or is an mlpconv layer.
        """
        if self.mixing:
            raise InputError("layer: an mlpconv layer has no still picture; save an .html")
        if max(self.matrix.shape) > LARGEST:
            rows, columns = self.matrix.shape
            raise InputError(
                f"input={self.matrix.form.geometry.input}: a still shows up to {LARGEST} inputs "
                f"and outputs, not {columns} and {rows}; save an .html"
            )
        return Still(_still(self.layer, self.matrix))

    @property
    def svg(self) -> str:
        """The still picture as SVG text."""
        return self.still.svg

    @cached_property
    def html(self) -> str:
        """The interactive picture: one page that needs no network, for layers of any size.

        Raises:
            InputError: the layer has more weights than a page carries, or some not finite.
        """
        return page(self.matrix, self.mixing)

    def save(self, path: str | Path) -> None:
        """Write the still picture to an .svg or .png file, or the interactive one to .html.

        Raises:
            InputError: the name ends otherwise, or the layer is too large for the picture.
        """
        path = Path(path)
        if suffix_of(path, (".html", *STILLS)) == ".html":
            content = self.html.encode()
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        else:
            self.still.save(path)

    def _repr_html_(self) -> str:
        return framed(self.html, "Picture of a layer")

    def _repr_svg_(self) -> str | None:
        """The still, for viewers of notebooks that run no scripts; none where there is none."""
        large = max(self.matrix.shape) > LARGEST
        return None if large or self.mixing else self.svg


def explain(layer: nn.Module, input: Sequence[int], output: Sequence[int] | None = None) -> Figure:
    """Return the picture of a layer and of the wider kinds that it equals.

    Args:
        layer: a layer that `matrix` takes, or an mlpconv layer: a convolution and two 1×1
            convolutions, a ReLU after each.
        input: the input grid (C, *space), spatial rank 0 to 2.
        output: the output grid (O, *space'); needed where a dense layer's outputs have a grid.

    Raises:
        InputError: the layer or a grid is unusable.

    Example:
        >>> figure = ob.explain(nn.Conv1d(1, 1, 2), input=(1, 3))
        >>> figure.svg.startswith("<svg")
        True
    """
    layer, mixing = as_mlpconv(layer) or (layer, ())
    own = matrix(layer, input, output)
    if len(own.form.geometry.axes) > 2:
        raise InputError(f"input={tuple(input)}: explain draws grids of up to 2 axes")
    if any(axis.spacing > 1 for axis in own.form.geometry.axes):
        raise InputError(
            f"layer={layer} spreads its input out, which explain does not draw: give its dense "
            "form, convert(layer, 'dense', input)"
        )
    return Figure(layer, own, mixing)


def _still(layer: nn.Module, own: LayerMatrix) -> Canvas:
    forms = [own, *(_as_kind(layer, own, kind) for kind in _wider(own.form.geometry.kind))]
    reason, ring = _forbidden(layer, own)
    return _draw([_panel(form, own, ring) for form in forms], reason)


def _wider(kind: str) -> tuple[Kind, ...]:
    """Return the kinds that hold this one: dense ⊃ local ⊃ convolution ⊃ pointwise."""
    wider: dict[str, tuple[Kind, ...]] = {"dense": (), "local": ("dense",)}
    return wider.get(kind, ("local", "dense"))


def _as_kind(layer: nn.Module, own: LayerMatrix, kind: Kind) -> LayerMatrix:
    geometry = own.form.geometry
    return matrix(convert(layer, kind, geometry.input), geometry.input, geometry.output)


def _forbidden(layer: nn.Module, own: LayerMatrix) -> tuple[str, tuple[int, int] | None]:
    """Return the first connection of a dense layer that this layer's kind cannot have."""
    dense = nn.Linear(own.shape[1], own.shape[0], bias=False)
    with torch.no_grad():
        dense.weight.copy_(torch.from_numpy(own.toarray()) + 1.0)
    geometry = own.form.geometry
    verdict = equal(layer, dense, geometry.input, geometry.output)
    if own.weight.nnz == math.prod(own.shape) or verdict.connection is None:
        return "", None
    output, input = verdict.connection
    row = np.ravel_multi_index(output, geometry.output)
    return verdict.reason, (int(row), int(np.ravel_multi_index(input, geometry.input)))


def _panel(form: LayerMatrix, own: LayerMatrix, ring: tuple[int, int] | None) -> Panel:
    geometry = form.form.geometry
    stored, places = form.form.weight.numel(), math.prod(geometry.output[1:])
    count = f"{stored} weight{'s' * (stored != 1)}"
    if geometry.shared:
        note = f"shared by all {places} locations"
    elif geometry.kind == "local":
        note = f"{stored // places} per location"
        note += "" if form is own else ": equal here, free to differ"
    elif form is own:
        note = "one for every connection"
    else:
        note = f"{stored - own.weight.nnz} of them 0: connections that the others lack"
    return Panel(
        title=_title(form),
        code=_code(form),
        count=count,
        note=note,
        matrix=form,
        colors=base_colors(own),
        ring=ring if geometry.kind == "dense" and form is not own else None,
    )


def _title(form: LayerMatrix) -> str:
    geometry = form.form.geometry
    if geometry.kind == "local":
        places = math.prod(geometry.output[1:])
        number = NUMBERS.get(places, str(places))
        return f"{number} fully connected layer{'s' * (places != 1)}"
    return TITLES.get(geometry.kind) or str(geometry).removeprefix("a ").capitalize()


def _code(form: LayerMatrix) -> str:
    geometry = form.form.geometry
    if geometry.kind == "dense":
        return f"nn.Linear({form.shape[1]}, {form.shape[0]})"
    if geometry.kind == "linear":
        return f"nn.Linear({geometry.input[0]}, {geometry.output[0]})"
    channels = f"{geometry.input[0] if geometry.shared else geometry.input}, {geometry.output[0]}"
    name = f"nn.Conv{len(geometry.axes)}d" if geometry.shared else "LocallyConnected"
    window = {
        "stride": [axis.stride for axis in geometry.axes],
        "padding": [axis.before for axis in geometry.axes],
        "dilation": [axis.dilation for axis in geometry.axes],
    }
    defaults = {"stride": 1, "padding": 0, "dilation": 1}
    options = [
        f", {option}={_brief(values)}"
        for option, values in window.items()
        if any(value != defaults[option] for value in values)
    ]
    groups = f", groups={geometry.groups}" if geometry.groups > 1 else ""
    return f"{name}({channels}, {_brief(geometry.kernel)}{''.join(options)}{groups})"


def _brief(values: Sequence[int]) -> str:
    """Return one number where all axes have the same, else a tuple."""
    return str(values[0]) if len(set(values)) == 1 else str(tuple(values))


def _draw(panels: list[Panel], reason: str) -> Canvas:
    widths = [panel_width(panel.matrix) for panel in panels]
    height = max(panel_height(panel.matrix) for panel in panels)
    width = 2 * MARGIN + sum(widths) + BETWEEN * (len(panels) - 1)
    total = height + 2 * MARGIN + (FOOTER if reason else 0)
    canvas = Canvas(width, total, " = ".join(panel.title for panel in panels))
    canvas.rect((0.5, 0.5), width - 1, total - 1, 14, fill=CARD, stroke=LINE, stroke_width="1")
    x = MARGIN
    for panel, own_width in zip(panels, widths, strict=True):
        if x > MARGIN:
            canvas.text((x - BETWEEN / 2, MARGIN + 178), "=", 34, text_anchor="middle", fill=FAINT)
        draw_panel(canvas, (x, MARGIN), own_width, panel)
        x += own_width + BETWEEN
    if reason:
        _draw_footer(canvas, (width, total), reason, panels[0])
    return canvas


def _draw_footer(canvas: Canvas, size: tuple[float, float], reason: str, own: Panel) -> None:
    width, total = size
    line = total - FOOTER
    canvas.rect((MARGIN, line), width - 2 * MARGIN, 1, 0, fill=LINE)
    words = f"A fully connected layer in general is not {own.matrix.form.geometry}: {reason}."
    canvas.text((width / 2, line + 36), words, 15, fill=INK, text_anchor="middle")
    legend = (
        "Soft colours are locations. Strong colours are weights: the same weight has the same "
        "colour everywhere. The outlined entry and the dashed wire are that connection."
    )
    canvas.text((width / 2, line + 60), legend, 12.5, fill=MUTED, text_anchor="middle")
