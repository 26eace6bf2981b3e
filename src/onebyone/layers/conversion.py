"""Exact conversions between the kinds of layer, or the reason why there is none."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from torch import nn

from onebyone.choices import Kind
from onebyone.errors import InputError
from onebyone.layers.entries import entries
from onebyone.layers.equality import compare_forms, place
from onebyone.layers.kinds import Form, LayerGeometry, build
from onebyone.layers.matrix import LayerMatrix
from onebyone.layers.nearest import Nearest, Projection, nearest, project, target
from onebyone.layers.reading import read
from onebyone.layers.recovery import Recovery, grid_entries


class NotConvertible(Exception):
    """No layer of the wanted kind equals the given one, or the given two.

    Attributes:
        reason: the connection or the weights that forbid it, in a sentence.
        witness: an input [C, *space] on which the layer and its nearest of the kind differ most.
        nearest: the nearest layer of the kind, and how far it is; None from `fold`.

    Example:
        >>> try:
        ...     ob.convert(nn.Conv2d(1, 1, 3, padding=1), to="pointwise", input=(1, 4, 4))
        ... except ob.NotConvertible as error:
        ...     print(error.reason)
        ...     error.nearest.relative > 0.5  # how far the nearest one is
        output (0, 0, 0) reads input (0, 0, 1); a 1×1 convolution cannot
        True
    """

    def __init__(
        self,
        reason: str,
        witness: Float[np.ndarray, "..."] | None = None,
        nearest: Nearest | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.witness = witness
        self.nearest = nearest


def convert(
    layer: nn.Module,
    to: Kind,
    input: Sequence[int],
    output: Sequence[int] | None = None,
    share: bool = False,
) -> nn.Module:
    """Return the layer of another kind that is equal to this one for every input.

    Args:
        layer: a layer that `matrix` takes.
        to: "dense", "local" (`LocallyConnected`: one fully connected layer per location),
            "convolution", "pointwise", or "linear" (`nn.Linear` on channels-last). A dense layer
            gets the smallest windows and strides that hold its connections.
        input: the input grid (C, *space).
        output: the output grid (O, *space'); needed where a dense layer's outputs have a grid.
        share: keep the same storage, so that training one layer trains the other.

    Raises:
        NotConvertible: no layer of this kind equals the given one.
        InputError: an argument is unusable, no layer of this kind maps the one grid to the other,
            or `share` is asked where the two kinds store their weights differently.

    Example:
        >>> conv = nn.Conv2d(3, 2, 1)
        >>> linear = ob.convert(conv, to="linear", input=(3, 4, 4))
        >>> linear
        Linear(in_features=3, out_features=2, bias=True)
        >>> x = torch.rand(1, 3, 4, 4)
        >>> torch.allclose(linear(x.movedim(1, -1)).movedim(-1, 1), conv(x))
        True
    """
    form = read(layer, input, output)
    geometry = target(form.geometry, to)
    projection = project(form, geometry if share else _trimmed(form, geometry))
    if not projection.exact:
        verdict = compare_forms(form, projection.form)
        reason = _sharing_reason(form, projection) or verdict.reason
        raise NotConvertible(reason, verdict.witness, nearest(layer, to, input, output))
    if not share:
        found = projection.form
        bias = None if found.bias is None else found.bias.clone()
        return build(Form(found.geometry, found.weight.clone(), bias))
    if not _same_storage(form, projection.form):
        raise InputError(
            f"share=True: {form.geometry} and {projection.form.geometry} store their weights "
            "differently; convert with share=False"
        )
    return build(projection.form)


def _trimmed(form: Form, geometry: LayerGeometry) -> LayerGeometry:
    """Return the geometry with the smallest windows that hold a dense layer's connections.

    A convolution may need a stride for it. Over a single position the window stays the whole
    input (S3), so that the convolution also finds its windows in larger ones (S11).
    """
    reshaped = form.geometry.kind in ("dense", "transposed")
    windowed = geometry.kind in ("convolution", "local")
    if not (reshaped and windowed) or math.prod(geometry.output[1:]) == 1:
        return geometry
    axes = next(Recovery(grid_entries(form)).axes(geometry.shared), geometry.axes)
    return replace(geometry, axes=axes)


def _same_storage(a: Form, b: Form) -> bool:
    pairs = [(a.weight, b.weight)]
    if a.bias is not None and b.bias is not None:
        pairs.append((a.bias, b.bias))
    return all(mine.data_ptr() == theirs.data_ptr() for mine, theirs in pairs)


def _sharing_reason(form: Form, projection: Projection) -> str | None:
    """Say which two weights would have to be one, where every connection has its place."""
    source, wanted = LayerMatrix(form), projection.form.geometry
    columns = source.shape[1]
    used = source.entries.keys(columns)[source.weight.data != 0]
    forbidden = np.setdiff1d(used, entries(wanted).keys(columns))
    if projection.clash is None or len(forbidden):
        return None
    input, output = form.geometry.input, form.geometry.output
    uses = [
        f"output {place(row, output)} reads input {place(column, input)} with weight "
        f"{source.weight[row, column]:.6g}"
        for row, column in projection.clash
    ]
    return f"{uses[0]}, and {uses[1]}; {wanted} shares one weight for both"
