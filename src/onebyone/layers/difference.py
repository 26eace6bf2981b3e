"""The difference of two layers' matrices, from their weights alone where the windows are alike."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Num
from scipy.sparse import csr_array

from onebyone.layers.common import common_windows, spread
from onebyone.layers.entries import positions
from onebyone.layers.kinds import Form, LayerGeometry
from onebyone.layers.matrix import LayerMatrix
from onebyone.layers.values import as_numpy, require_finite, scaled

Place = tuple[int, int]
Tap = tuple[int, int, int, int]
"""Output channel, output position, channel within its group, tap."""


@dataclass(frozen=True, eq=False)
class Difference:
    """ΔM of two layers that map the same grids.

    Attributes:
        norms: of each row.
        largest: row and column of the first entry with the largest |ΔM|; None where all are 0.
        weights: of the two layers at `largest`.
        exclusive: the first entry of ΔM that only one of the layers has at all.
        in_first: whether it is the first layer that has it.
    """

    norms: Float[np.ndarray, " outputs"]
    largest: Place | None = None
    weights: tuple[float, float] = (0.0, 0.0)
    exclusive: Place | None = None
    in_first: bool = False


def difference(a: Form, b: Form) -> Difference:
    """Return ΔM, without building the matrices where one kind of window holds both layers'."""
    for form in (a, b):
        require_finite(form)
    window = common_windows(a.geometry, b.geometry)
    if window is not None:
        return _of_weights(a, b, window)
    return _of_matrices(LayerMatrix(a), LayerMatrix(b))


def _of_weights(a: Form, b: Form, window: LayerGeometry) -> Difference:
    """Compare tap by tap: on [O, positions, C/groups, taps], one position where they share."""
    shape = (
        window.output[0],
        math.prod(window.bias_shape[1:]),
        window.input[0] // window.groups,
        math.prod(window.kernel),
    )
    first, second = (_tap_by_tap(form, window, as_numpy(form.weight), shape) for form in (a, b))
    delta = first.astype(np.float64) - second
    position, inside = (
        array.reshape(math.prod(window.output[1:]), -1) for array in positions(window)
    )
    small, exponent = scaled(delta)
    squares = np.einsum("opct,opct->opt", small, small)
    sums = (
        squares[:, 0] @ inside.T.astype(np.float64) if shape[1] == 1 else (squares * inside).sum(-1)
    )
    rows = np.ldexp(np.sqrt(sums), exponent)
    read = np.atleast_2d(inside if shape[1] > 1 else inside.any(axis=0))
    sizes = np.abs(delta) * read[:, None]
    if not sizes.any():
        return Difference(rows.ravel())

    def entry(at: Tap) -> Place:
        """Return the row and the column of a tap at an output position."""
        output, place, channel, tap = at
        channel += output // (shape[0] // window.groups) * shape[2]
        column = channel * math.prod(window.input[1:]) + int(position[place, tap])
        return output * len(inside) + place, column

    largest = _first(sizes == sizes.max(), inside)
    at = (largest[0], largest[1] if shape[1] > 1 else 0, *largest[2:])
    weights = float(first[at]), float(second[at])
    owners = _owners(a.geometry, b.geometry, window, shape)
    if owners is None or not (alone := (owners[0] != owners[1]) & (sizes > 0)).any():
        return Difference(rows.ravel(), entry(largest), weights)
    only = _first(alone, inside)
    in_first = bool(owners[0][only[0], 0, only[2], only[3]])
    return Difference(rows.ravel(), entry(largest), weights, entry(only), in_first)


def _tap_by_tap(
    form: Form, window: LayerGeometry, values: Num[np.ndarray, "..."], shape: tuple[int, ...]
) -> Num[np.ndarray, "O positions channels taps"]:
    weight = spread(values, form.geometry, window)
    return np.broadcast_to(weight, window.weight_shape).reshape(shape)


def _owners(
    a: LayerGeometry, b: LayerGeometry, window: LayerGeometry, shape: tuple[int, ...]
) -> tuple[Bool[np.ndarray, "..."], Bool[np.ndarray, "..."]] | None:
    """Return which taps of the window each layer has; None where both have all of them."""
    if a.same_windows(b):
        return None
    found = []
    for geometry in (a, b):
        shared = replace(geometry, kind="convolution")
        ones = np.ones(shared.weight_shape, dtype=bool)
        found.append(spread(ones, shared, window).reshape(shape[0], 1, *shape[2:]))
    return found[0], found[1]


def _first(
    found: Bool[np.ndarray, "O positions channels taps"], inside: Bool[np.ndarray, "places taps"]
) -> Tap:
    """Return the first of the marked taps in the order of rows and columns: it must be inside."""
    output = int(np.flatnonzero(found.any(axis=(1, 2, 3)))[0])
    here = found[output] & inside[:, None]
    place, channel, tap = (int(i) for i in np.unravel_index(here.argmax(), here.shape))
    return output, place, channel, tap


def _of_matrices(a: LayerMatrix, b: LayerMatrix) -> Difference:
    delta = (a.weight.astype(np.float64) - b.weight.astype(np.float64)).tocsr()
    delta.sort_indices()
    small, exponent = scaled(delta.data)
    squares = csr_array((np.square(small), delta.indices, delta.indptr), shape=delta.shape)
    norms = np.ldexp(np.sqrt(np.asarray(squares.sum(axis=1)).ravel()), exponent)
    if not small.any():
        return Difference(norms)
    columns = a.shape[1]
    rows = np.repeat(np.arange(a.shape[0]), np.diff(delta.indptr))
    entry = int(np.abs(delta.data).argmax())
    largest = int(rows[entry]), int(delta.indices[entry])
    weights = float(a.weight[largest]), float(b.weight[largest])
    keys = rows * columns + delta.indices
    in_a, in_b = (np.isin(keys, m.entries.keys(columns)) for m in (a, b))
    exclusive = np.flatnonzero(in_a != in_b)
    if not len(exclusive):
        return Difference(norms, largest, weights)
    entry = int(exclusive[0])
    only = int(rows[entry]), int(delta.indices[entry])
    return Difference(norms, largest, weights, only, bool(in_a[entry]))
