"""The nearest layer of a kind: the mean over every class of entries that must share a weight."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from onebyone.choices import Kind
from onebyone.errors import InputError
from onebyone.layers.entries import entries, positions, require_room
from onebyone.layers.index_pattern import IndexPattern, dense_patterns, per_axis, window_patterns
from onebyone.layers.kinds import KINDS, Form, LayerGeometry, build
from onebyone.layers.matrix import LayerMatrix
from onebyone.layers.reading import read
from onebyone.layers.values import as_numpy, biases, norm, require_finite
from onebyone.notebook import shown
from onebyone.wording import percent


@dataclass(frozen=True, eq=False)
class Nearest:
    """The Frobenius-nearest layer of a kind.

    Attributes:
        layer: the layer.
        distance: the Frobenius norm of [ΔM, Δbias].
        relative: `distance` as a share of the given layer's own norm.

    Example:
        >>> pool = nn.AvgPool2d(3, stride=1, padding=1)
        >>> found = ob.nearest(pool, to="pointwise", input=(1, 4, 4))
        >>> found.layer  # it keeps the middle of each window
        Conv2d(1, 1, kernel_size=(1, 1), stride=(1, 1), bias=False)
        >>> round(found.distance, 2), round(found.relative, 2)
        (1.02, 0.92)
    """

    layer: nn.Module
    distance: float
    relative: float

    def __str__(self) -> str:
        if not self.distance:
            return f"{self.layer}, equal to the layer given"
        share = percent(self.relative)
        return f"{self.layer}, at distance {self.distance:.3g}: {share} of the given layer's norm"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        share = f"{percent(self.relative)} of the given layer's norm"
        return shown(
            "Nearest", str(self.layer), {"distance": f"{self.distance:.6g}", "relative": share}
        )


Clash = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Projection:
    """A form's projection onto a geometry, and what is left over: nothing if it is `exact`.

    `clash` holds two entries (row, column) of the source's matrix that differ but would have to
    share a weight; None where there are none.
    """

    form: Form
    distance: float
    exact: bool
    clash: Clash | None = None


def nearest(
    layer: nn.Module,
    to: Kind,
    input: Sequence[int],
    output: Sequence[int] | None = None,
    kernel: int | Sequence[int] | None = None,
) -> Nearest:
    """Return the layer of a kind that is nearest in Frobenius norm (statement S7 and its kin).

    Args:
        layer: a layer that `matrix` takes.
        to: "dense", "local", "convolution", "pointwise" or "linear".
        input: the input grid (C, *space).
        output: the output grid (O, *space').
        kernel: the kernel of a convolution (stride 1); by default the layer's own windows, and
            for a dense or transposed layer the smallest that has room for all its connections.

    Raises:
        InputError: an argument is unusable, or no layer of this kind maps the one grid to the
            other.

    Example:
        >>> dense = nn.Linear(4, 4, bias=False)
        >>> dense.weight.data = torch.arange(16.0).view(4, 4)
        >>> found = ob.nearest(dense, to="pointwise", input=(1, 2, 2), output=(1, 2, 2))
        >>> found.layer.weight.item()  # the mean of the diagonal: 0, 5, 10, 15
        7.5
    """
    form = read(layer, input, output)
    require_finite(form)
    projection = project(form, target(form.geometry, to, kernel))
    distance, size = projection.distance, _size(form)
    return Nearest(build(projection.form), distance, distance / size if size else 0.0)


def target(
    source: LayerGeometry, to: str, kernel: int | Sequence[int] | None = None
) -> LayerGeometry:
    """Return the geometry that a layer of kind `to` in the source's place would have."""
    if to not in KINDS:
        raise InputError(f"to={to!r}: give one of {', '.join(KINDS)}")
    if kernel is not None and to != "convolution":
        raise InputError(f"kernel={kernel!r}: only to='convolution' has a kernel to choose")
    space, places = source.input[1:], source.output[1:]
    groups = source.groups
    if to == "dense":
        axes, groups = dense_patterns(space, places), 1
    elif to in ("pointwise", "linear"):
        if space != places:
            raise InputError(
                f"to={to!r}: it gives one output per position, but {space} positions become "
                f"{places}; a fully connected layer is pointwise over "
                f"input={(math.prod(source.input), *(1 for _ in space))} (S4)"
            )
        axes, groups = window_patterns(space, 1), groups if to == "pointwise" else 1
    elif kernel is not None:
        axes = _kernel_axes(source, per_axis(kernel, len(space), "kernel", least=1))
    elif source.kind in ("dense", "transposed"):
        # Wide enough for every connection: offsets −(m−1) … n−1; for one output this is S3.
        pairs = tuple(zip(space, places, strict=True))
        axes = window_patterns(space, [n + m - 1 for n, m in pairs], 1, [m - 1 for _, m in pairs])
    else:
        axes = source.axes
    return LayerGeometry(to, source.input, source.output, axes, groups)


def _size(form: Form) -> float:
    """Return the Frobenius norm of a form's [M, bias], without building M."""
    geometry = form.geometry
    _, inside = positions(geometry)
    rank = len(geometry.axes)
    uses = np.expand_dims(inside, (0, 1 + rank))
    if geometry.shared:
        uses = uses.sum(axis=tuple(range(1, 1 + rank)), keepdims=True)
    bias = biases(form)
    return math.hypot(norm(as_numpy(form.weight), uses), norm(bias))


def project(source: Form, geometry: LayerGeometry) -> Projection:
    """Return the source's nearest form of a geometry and what is left over.

    The weights pass through as a view where both store them alike.
    """
    bias, bias_distance, same_bias = project_bias(source, geometry)
    if source.geometry.same_windows(geometry) and source.weight.shape == geometry.weight_shape:
        form = Form(geometry, source.weight, bias)
        return Projection(form, bias_distance, same_bias)
    weight, distance, exact, clash = _project_weight(LayerMatrix(source), geometry)
    form = Form(geometry, weight, bias)
    return Projection(form, math.hypot(distance, bias_distance), exact and same_bias, clash)


def _project_weight(
    source: LayerMatrix, geometry: LayerGeometry
) -> tuple[Tensor, float, bool, Clash | None]:
    """Return the mean weight of every sharing class, the norm of what is left, and a clash."""
    columns = source.shape[1]
    require_room(geometry, source.form.weight.element_size(), "give a smaller input")
    mine, theirs = source.entries, entries(geometry)
    wanted = theirs.keys(columns)
    # One more key, beyond all places, for the wanted entries after the last: its weight is 0.
    keys = np.append(mine.keys(columns), math.prod(source.shape))
    values = np.append(source.weight.data.astype(np.float64), 0.0)
    found = np.searchsorted(keys, wanted)
    hit = keys[found] == wanted
    sampled = np.where(hit, values[found], 0.0)
    outside = np.ones(len(keys), dtype=bool)
    outside[found[hit]] = False
    size = math.prod(geometry.weight_shape)
    sharing = theirs.sharing(size)
    means, first = _class_means(sampled, sharing, size)
    weight = torch.from_numpy(means).to(source.form.weight)
    left = sampled - as_numpy(weight)[sharing]
    distance = math.hypot(norm(left), norm(values[outside]))
    differs = np.flatnonzero(sampled != sampled[first[sharing]])
    clash = None
    if len(differs):
        pair = (first[sharing[differs[0]]], differs[0])
        a, b = (divmod(int(wanted[entry]), columns) for entry in pair)
        clash = (a, b)
    exact = clash is None and not values[outside].any()
    return weight.reshape(geometry.weight_shape), distance, exact, clash


def _class_means(
    values: Float[np.ndarray, " entries"], classes: Int[np.ndarray, " entries"], size: int
) -> tuple[Float[np.ndarray, " classes"], Int[np.ndarray, " classes"]]:
    """Return the mean of every class and the index of its first entry; a class may be empty.

    The mean is first + mean(value − first), so that equal values have exactly their own mean.
    """
    present, where = np.unique(classes, return_index=True)
    first = np.zeros(size, dtype=np.int64)
    first[present] = where
    base = np.zeros(size)
    base[present] = values[where]
    counts = np.maximum(np.bincount(classes, minlength=size), 1)
    return base + np.bincount(classes, values - base[classes], size) / counts, first


def project_bias(source: Form, geometry: LayerGeometry) -> tuple[Tensor | None, float, bool]:
    """Return the bias in the geometry's shape, the norm of what is left, and whether nothing is.

    It is a view where it can be.
    """
    if source.bias is None or source.bias.shape == geometry.bias_shape:
        return source.bias, 0.0, True
    bias = biases(source)
    if geometry.shared:
        base = bias.reshape(len(bias), -1)[:, :1]
        mean = base + (bias.reshape(len(bias), -1) - base).mean(axis=1, keepdims=True)
    else:
        mean = bias
    mean = mean.reshape(geometry.bias_shape)
    tensor = torch.from_numpy(np.array(mean)).to(source.bias)
    left = bias - as_numpy(tensor)
    return tensor, norm(left), not (bias - mean).any()


def _kernel_axes(source: LayerGeometry, kernel: tuple[int, ...]) -> tuple[IndexPattern, ...]:
    """Return stride-1 axes of a kernel, padded alike on both sides so that the grids fit."""
    pads = []
    for size, outputs, taps in zip(source.input[1:], source.output[1:], kernel, strict=True):
        pad, odd = divmod(outputs - size + taps - 1, 2)
        if pad < 0 or odd:
            raise InputError(
                f"kernel={kernel}: no stride-1 convolution of it, padded alike on both sides, "
                f"maps {size} positions to {outputs}; give a kernel of {size - outputs + 1} or "
                "more, in steps of 2"
            )
        pads.append(pad)
    return window_patterns(source.input[1:], kernel, 1, pads)
