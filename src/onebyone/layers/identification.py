"""The smallest kind of layer that a layer is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Real

from torch import nn

from onebyone.errors import InputError
from onebyone.layers.index_pattern import dense_patterns, window_patterns
from onebyone.layers.kinds import Form, LayerGeometry, build
from onebyone.layers.nearest import project, project_bias
from onebyone.layers.reading import read
from onebyone.layers.recovery import Recovery, grid_entries
from onebyone.layers.values import require_finite
from onebyone.notebook import shown
from onebyone.wording import by


@dataclass(frozen=True, eq=False)
class Identification:
    """The smallest kind that a layer is, and the layer of that kind.

    Attributes:
        kind: "pointwise", "convolution", "local" or "dense".
        layer: the layer of this kind.
        distance: the Frobenius norm of [ΔM, Δbias]; 0 where they are equal.
        kernel: the size of a window along each axis; for a dense layer the whole input.
        stride: of the windows along each axis; 0 for a dense layer.
        padding: zeros before and after each axis.
        dilation: of the windows along each axis.
        groups: into which the channels fall.
        weights: stored by `layer`.
        dense_weights: stored by a fully connected layer in its place.
        description: the kind with its kernel, in words.

    Example:
        >>> dense = ob.convert(nn.Conv2d(2, 3, 3, padding=1), to="dense", input=(2, 6, 6))
        >>> found = ob.identify(dense, input=(2, 6, 6), output=(3, 6, 6))
        >>> found.kind, found.kernel, found.padding, found.weights, found.dense_weights
        ('convolution', (3, 3), ((1, 1), (1, 1)), 54, 7776)
    """

    kind: str
    layer: nn.Module
    distance: float
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    weights: int
    dense_weights: int
    description: str

    def __str__(self) -> str:
        parts = [self.description]
        if self.kind != "dense":
            for name in ("stride", "padding", "dilation"):
                values = getattr(self, name)
                if set(values) - {0 if name == "padding" else 1, (0, 0)}:
                    parts.append(f"{name} {_short(values)}")
            if self.groups > 1:
                parts.append(f"{self.groups} groups")
            parts.append(f"{self.weights:,} of {self.dense_weights:,} weights")
        how = f"at distance {self.distance:.3g}" if self.distance else "exactly"
        return f"{', '.join(parts)}, {how}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return shown("Identification", str(self), {"kind": self.kind, "layer": self.layer})


def identify(
    layer: nn.Module,
    input: Sequence[int],
    output: Sequence[int] | None = None,
    tol: float = 0.0,
) -> Identification:
    """Return the smallest kind that a layer is: pointwise, convolution, local or dense.

    Its windows are the smallest that hold every connection whose weight is not zero. A
    convolution is reported with the stride that makes all positions share their weights.

    Args:
        layer: a layer that `matrix` takes.
        input: the input grid (C, *space).
        output: the output grid (O, *space'); needed where a dense layer's outputs have a grid.
        tol: the largest distance that still counts as being of a kind.

    Raises:
        InputError: an argument is unusable, or the fully connected layer of these grids would not
            fit into memory.

    Example:
        >>> dense = ob.convert(nn.Conv2d(1, 2, 2, stride=2), to="dense", input=(1, 4, 4))
        >>> print(ob.identify(dense, input=(1, 4, 4), output=(2, 2, 2)))
        a 2×2 convolution, stride 2, 8 of 128 weights, exactly
    """
    if not (isinstance(tol, Real) and tol >= 0):
        raise InputError(f"tol={tol!r}: give a number of at least 0")
    form = read(layer, input, output)
    require_finite(form)
    for geometry in _candidates(form, tol):
        projection = project(form, geometry)
        if projection.exact or 0 < projection.distance <= tol:
            return _identification(projection.form, projection.distance)
    raise AssertionError("every layer is a fully connected layer")


def _candidates(form: Form, tol: float) -> Iterator[LayerGeometry]:
    """Yield geometries from the smallest kind to the largest, which always fits."""
    source = form.geometry
    entries = grid_entries(form)
    # First as if everything below the tolerance were nothing, then with all entries.
    recoveries = [Recovery(entries, budget) for budget in sorted({tol, 0.0}, reverse=True)]
    _, apart, _ = project_bias(form, LayerGeometry("pointwise", source.input, source.output, ()))
    kinds = ["local"] if apart > tol or not source.axes else ["convolution", "local"]
    for kind in kinds:
        for recovery in recoveries:
            groups = recovery.groups()
            for axes in recovery.axes(shared=kind == "convolution"):
                candidate = LayerGeometry(kind, source.input, source.output, axes, groups)
                if kind == "convolution" and axes == window_patterns(source.input[1:], 1):
                    candidate = replace(candidate, kind="pointwise")
                # A local layer that stores as much as the fully connected one is no smaller.
                if math.prod(candidate.weight_shape) < entries.size + candidate.shared:
                    yield candidate
    axes = dense_patterns(source.input[1:], source.output[1:])
    yield LayerGeometry("dense", source.input, source.output, axes)


def _identification(form: Form, distance: float) -> Identification:
    geometry = form.geometry
    axes = geometry.axes
    return Identification(
        kind=geometry.kind,
        layer=build(form),
        distance=distance,
        kernel=geometry.kernel,
        stride=tuple(axis.stride for axis in axes),
        padding=tuple((axis.before, axis.after) for axis in axes),
        dilation=tuple(axis.dilation for axis in axes),
        groups=geometry.groups,
        weights=math.prod(geometry.weight_shape),
        dense_weights=math.prod(geometry.output) * math.prod(geometry.input),
        description=str(geometry),
    )


def _short(values: Sequence[int | tuple[int, int]]) -> str:
    """Write the values of all axes, once where they are alike."""
    written = [str(v) if not isinstance(v, tuple) or v[0] != v[1] else str(v[0]) for v in values]
    return written[0] if len(set(written)) == 1 else by(written)
