"""The difference of two layers' matrices, from their weights alone where the windows are alike."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from onebyone.layers.entries import positions
from onebyone.layers.kinds import Form
from onebyone.layers.matrix import LayerMatrix, as_numpy, require_finite

Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Difference:
    """ΔM of two layers that map the same grids.

    Attributes:
        squares: the squared norm of each row.
        largest: row and column of the first entry with the largest |ΔM|; None where all are 0.
        weights: of the two layers at `largest`.
        exclusive: the first entry of ΔM that only one of the layers has at all.
        in_first: whether it is the first layer that has it.
    """

    squares: Float[np.ndarray, " outputs"]
    largest: Place | None = None
    weights: tuple[float, float] = (0.0, 0.0)
    exclusive: Place | None = None
    in_first: bool = False


def difference(a: Form, b: Form) -> Difference:
    """Return ΔM, without building the matrices if both layers read the same windows.

    Raises:
        InputError: a weight is not finite, or a matrix is too large to store.
    """
    for form in (a, b):
        require_finite(form)
    if a.geometry.same_windows(b.geometry):
        return _of_weights(a, b)
    return _of_matrices(LayerMatrix(a), LayerMatrix(b))


def _of_weights(a: Form, b: Form) -> Difference:
    """Compare tap by tap: on [O, positions, C/groups, taps], one position where they share."""
    geometry = a.geometry
    rank, channels = len(geometry.axes), a.weight.shape[1 + len(geometry.axes)]
    spread = np.broadcast_shapes(a.weight.shape, b.weight.shape)
    first, second = (np.broadcast_to(as_numpy(form.weight), spread) for form in (a, b))
    shape = (spread[0], math.prod(spread[1 : 1 + rank]), channels, math.prod(geometry.kernel))
    delta = (first.astype(np.float64) - second).reshape(shape)
    position, inside = (
        array.reshape(math.prod(geometry.output[1:]), -1) for array in positions(geometry)
    )
    squares = np.einsum("opct,opct->opt", delta, delta)
    rows = (
        squares[:, 0] @ inside.T.astype(np.float64) if shape[1] == 1 else (squares * inside).sum(-1)
    )
    read = np.atleast_2d(inside if shape[1] > 1 else inside.any(axis=0))
    sizes = np.abs(delta) * read[:, None]
    if not sizes.any():
        return Difference(rows.ravel())
    output = int(np.unravel_index(sizes.argmax(), shape)[0])
    # The first row of this output channel that reads one of its largest taps, and its first tap.
    largest = (sizes[output] == sizes.max()) & inside[:, None]
    place, channel, tap = (int(i) for i in np.unravel_index(largest.argmax(), largest.shape))
    at = (output, place if shape[1] > 1 else 0, channel, tap)
    group = output // (shape[0] // geometry.groups)
    column = (group * channels + channel) * math.prod(geometry.input[1:]) + int(
        position[place, tap]
    )
    weights = float(first.reshape(shape)[at]), float(second.reshape(shape)[at])
    return Difference(rows.ravel(), (output * len(inside) + place, column), weights)


def _of_matrices(a: LayerMatrix, b: LayerMatrix) -> Difference:
    delta = (a.weight.astype(np.float64) - b.weight.astype(np.float64)).tocsr()
    delta.sort_indices()
    squares = np.asarray(delta.multiply(delta).sum(axis=1)).ravel()
    if not delta.nnz:
        return Difference(squares)
    columns = a.shape[1]
    rows = np.repeat(np.arange(a.shape[0]), np.diff(delta.indptr))
    entry = int(np.abs(delta.data).argmax())
    largest = int(rows[entry]), int(delta.indices[entry])
    weights = float(a.weight[largest]), float(b.weight[largest])
    keys = rows * columns + delta.indices
    in_a, in_b = (np.isin(keys, m.entries.keys(columns)) for m in (a, b))
    exclusive = np.flatnonzero(in_a != in_b)
    if not len(exclusive):
        return Difference(squares, largest, weights)
    entry = int(exclusive[0])
    only = int(rows[entry]), int(delta.indices[entry])
    return Difference(squares, largest, weights, only, bool(in_a[entry]))
