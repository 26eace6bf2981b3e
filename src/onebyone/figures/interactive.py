"""The interactive picture: one self-contained page of plain ES modules, put together when saved."""

import html
import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.figures.page_sources import folder, style
from onebyone.layers import LayerMatrix
from onebyone.layers.index_pattern import IndexPattern, window_patterns
from onebyone.layers.kinds import LayerGeometry
from onebyone.layers.values import as_numpy, require_finite
from onebyone.template import SHARED, filled, import_map, script_json
from onebyone.wording import by

MOST_WEIGHTS = 1_000_000
"""The most weights that a page carries."""


def page(matrix: LayerMatrix, mixing: Sequence[nn.Module] = ()) -> str:
    """Return the page of a layer as HTML text; `mixing` are the 1×1s after it in an mlpconv layer.

    Raises:
        InputError: the layer has more than MOST_WEIGHTS weights, or some that are not finite.
    """
    form = matrix.form
    count = math.prod(form.geometry.weight_shape)
    count += sum(one.get_parameter("weight").numel() for one in mixing)
    if count > MOST_WEIGHTS:
        raise InputError(
            f"layer: the page carries up to {MOST_WEIGHTS:,} weights, not {count:,}; give a "
            "convolution, or a smaller layer"
        )
    require_finite(form)
    kind = "shared" if form.geometry.shared else form.geometry.kind
    layer = {
        "shape": _shape(form.geometry) | {"bias": int(form.bias is not None)},
        "kind": kind,
        "form": kind,
        **_parameters(form.weight, form.bias),
    }
    if mixing:
        layer["tail"] = [_mixing(one) for one in mixing]
    title = f"{str(form.geometry).capitalize()} over {by(form.geometry.input)}"
    return _assemble(title, layer)


def _shape(geometry: LayerGeometry) -> dict[str, Any]:
    """Return the shape as the page's modules name it, per axis (down, across)."""
    axes = _windows(geometry)
    rank = len(axes)
    down, across = (*(IndexPattern(1, 1, 1) for _ in range(2 - rank)), *axes)
    pairs = {"k": "kernel", "s": "stride", "p": "before", "d": "dilation"}
    return {
        "dim": 1 if rank == 1 else 2,
        "c": geometry.input[0],
        "o": geometry.output[0],
        "h": down.size,
        "w": across.size,
        "g": geometry.groups,
        "e": [axis.after - axis.before for axis in (down, across)],
    } | {key: [getattr(axis, name) for axis in (down, across)] for key, name in pairs.items()}


def _mixing(layer: nn.Module) -> dict[str, Any]:
    """Return a 1×1 convolution as the page's modules name its parts."""
    weight, bias = layer.get_parameter("weight"), layer._parameters["bias"]
    return {"shape": list(weight.shape[:2]), **_parameters(weight, bias)}


def _windows(geometry: LayerGeometry) -> tuple[IndexPattern, ...]:
    """Return the windows of the convolution that a dense layer is compared with, or a layer's own.

    Over grids of one size it is the pointwise one (S7), towards one position the window itself
    (S3), in between the one of stride 1 that gives this output grid.
    """
    if geometry.kind != "dense":
        return geometry.axes
    return tuple(_window(axis.size, axis.outputs) for axis in geometry.axes)


def _window(size: int, outputs: int) -> IndexPattern:
    kernel = size - outputs + 1 if outputs <= size else 1 + (outputs - size) % 2
    padding = (outputs - size + kernel - 1) // 2
    return window_patterns((size,), kernel, padding=padding)[0]


def _parameters(weight: Tensor, bias: Tensor | None) -> dict[str, list[float] | None]:
    """Return numbers in their own precision's shortest decimals: 0.8, not 0.800000011920929."""
    return {
        name: None if tensor is None else [float(str(n)) for n in as_numpy(tensor).ravel()]
        for name, tensor in (("weight", weight), ("bias", bias))
    }


def _assemble(title: str, layer: dict[str, Any]) -> str:
    """Put style, data and modules into the template; an import map gives modules their names."""
    files = folder("page")
    parts = {
        "title": html.escape(title),
        "style": style(files.joinpath("drawing.css"), files.joinpath("page.css")),
        "layer": script_json(layer),
        "modules": import_map(shared=SHARED, onebyone=files),
    }
    return filled(files.joinpath("page.html").read_text(encoding="utf-8"), parts)
