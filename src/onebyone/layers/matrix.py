"""The matrix of a layer, built from S5: index patterns per axis, never unit vectors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int, Num
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator
from torch import Tensor, nn

from onebyone.errors import InputError
from onebyone.layers.kinds import MEMORY_LIMIT, Form, Geometry
from onebyone.layers.operator import LayerOperator
from onebyone.layers.reading import read

ORDERS = ("channels_first", "channels_last")


@dataclass(frozen=True)
class Entries:
    """The stored entries of a layer's matrix in CSR order, as structure without values.

    `sharing[e]` is the index into the layer's flattened weight of entry e: entries with the same
    index are one weight.
    """

    indptr: Int[np.ndarray, " rows_and_one"]
    indices: Int[np.ndarray, " entries"]
    sharing: Int[np.ndarray, " entries"]

    def keys(self, columns: int) -> Int[np.ndarray, " entries"]:
        """Return row·columns + column for every entry, ascending."""
        rows = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))
        keys: Int[np.ndarray, " entries"] = rows * columns + self.indices
        return keys


@dataclass(frozen=True, eq=False)
class LayerMatrix:
    """A linear layer as one sparse matrix: M @ x.flatten() + bias == layer(x).flatten().

    Structure and values are kept apart: a weight of zero is still a connection.
    """

    form: Form
    order: str = "channels_first"

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs, counted."""
        return math.prod(self.form.geometry.output), math.prod(self.form.geometry.input)

    @cached_property
    def entries(self) -> Entries:
        """The stored entries without their values.

        Raises:
            InputError: the matrix would take more than MEMORY_LIMIT bytes.
        """
        geometry = self.form.geometry
        size = geometry.connections * (8 + 8 + self.form.weight.element_size())
        if size > MEMORY_LIMIT:
            raise InputError(
                f"input={geometry.input}: the matrix of this layer has {geometry.connections:,} "
                f"entries and would take {size:,} bytes; use .operator(), which stores none"
            )
        return entries(geometry, self.order)

    @cached_property
    def weight(self) -> csr_array:
        """The matrix M in SciPy's CSR format, in the layer's precision.

        Raises:
            InputError: a weight is not finite, or the matrix is too large to store.
        """
        require_finite(self.form)
        values = as_numpy(self.form.weight).ravel()[self.sharing]
        return csr_array((values, self.entries.indices, self.entries.indptr), shape=self.shape)

    @cached_property
    def pattern(self) -> csr_array:
        """The connections: True wherever an output reads an input, whatever the weight."""
        stored = np.ones(len(self.sharing), dtype=bool)
        return csr_array((stored, self.entries.indices, self.entries.indptr), shape=self.shape)

    @property
    def sharing(self) -> Int[np.ndarray, " entries"]:
        """The index of the layer's weight behind every entry of `weight.data`."""
        return self.entries.sharing

    @cached_property
    def bias(self) -> Num[np.ndarray, " outputs"]:
        """One bias per output; zeros where the layer has none."""
        form = self.form
        if form.bias is None:
            return np.zeros(self.shape[0], dtype=as_numpy(form.weight).dtype)
        grid = np.broadcast_to(as_numpy(form.bias), form.geometry.output)
        return self._flatten(grid)

    @property
    def connections(self) -> Bool[np.ndarray, "O C"]:
        """The connection table: which output channel reads which input channel."""
        geometry = self.form.geometry
        table = np.zeros((geometry.output[0], geometry.input[0]), dtype=bool)
        np.put_along_axis(table, _channels(geometry), True, axis=1)
        return table

    def toarray(self) -> Num[np.ndarray, "outputs inputs"]:
        """Return M as a dense array."""
        return np.asarray(self.weight.toarray())

    def operator(self) -> LinearOperator:
        """Return M as a SciPy LinearOperator that never stores the matrix, for layers of any size.

        Its `matvec` and `rmatvec` gather the windows and multiply them by the layer's weights.
        """
        return LayerOperator(self.form.geometry, as_numpy(self.form.weight), self.order)

    def __matmul__(self, x: Num[np.ndarray, " inputs"]) -> Num[np.ndarray, " outputs"]:
        return np.asarray(self.weight @ x)

    def _flatten(self, grid: Num[np.ndarray, "..."]) -> Num[np.ndarray, " values"]:
        return (np.moveaxis(grid, 0, -1) if self.order == "channels_last" else grid).ravel()


def matrix(
    layer: nn.Module,
    input: Sequence[int],
    output: Sequence[int] | None = None,
    order: str = "channels_first",
) -> LayerMatrix:
    """Return the matrix of a layer on an input grid (statement S5).

    Args:
        layer: `nn.Linear`, `nn.Conv1d/2d/3d`, `nn.ConvTranspose1d/2d/3d`, `nn.AvgPool1d/2d/3d`,
            `nn.AdaptiveAvgPool1d/2d/3d`, `LocallyConnected`, or any module that is linear in eval
            mode (unit vectors are pushed through it, and its matrix is dense).
        input: the grid (C, *space), spatial rank 0 to 3.
        output: the grid (O, *space'); needed where a dense layer's outputs have a grid.
        order: how grids are flattened, "channels_first" (C, *space) or "channels_last".

    Raises:
        NotLinear: the module is not linear; the error has a witness.
        InputError: the grids do not fit the layer, or the order is unknown.
    """
    if order not in ORDERS:
        raise InputError(f"order={order!r}: give one of {', '.join(ORDERS)}")
    return LayerMatrix(read(layer, input, output), order)


def require_finite(form: Form) -> None:
    """Refuse weights and biases that are NaN or infinite.

    Raises:
        InputError: a value is not finite.
    """
    for name, tensor in (("weight", form.weight), ("bias", form.bias)):
        if tensor is not None and not bool(tensor.isfinite().all()):
            raise InputError(f"{name} of {form.geometry} has NaN or infinite values: give finite")


def as_numpy(tensor: Tensor) -> Num[np.ndarray, "..."]:
    """Return a tensor's values, without a copy but for low precisions, which become float32."""
    tensor = tensor.detach().cpu()
    return np.asarray(tensor.numpy() if tensor.dtype.itemsize >= 4 else tensor.float().numpy())


def _channels(geometry: Geometry) -> Int[np.ndarray, "O channels_per_group"]:
    """Return the input channels that every output channel reads."""
    outputs = geometry.output[0]
    per_group = geometry.input[0] // geometry.groups
    group = np.arange(outputs) // (outputs // geometry.groups)
    return group[:, None] * per_group + np.arange(per_group)


def positions(geometry: Geometry) -> tuple[Int[np.ndarray, "..."], Bool[np.ndarray, "..."]]:
    """Return the flat input position behind each [*space', *kernel], and whether it is inside."""
    rank = len(geometry.axes)
    position = np.zeros((1,) * 2 * rank, dtype=np.int64)
    inside = np.ones((1,) * 2 * rank, dtype=bool)
    for a, axis in enumerate(geometry.axes):
        reads = np.expand_dims(axis.reads(), tuple(i for i in range(2 * rank) if i % rank != a))
        position = position * axis.size + reads
        inside = inside & (reads >= 0)
    return position, inside


def entries(geometry: Geometry, order: str = ORDERS[0]) -> Entries:
    """Lay the entries out on [O, *space', C/groups, *kernel]: rows in order, columns ascending."""
    rank = len(geometry.axes)
    position, inside = positions(geometry)
    space = math.prod(geometry.input[1:])
    channels = np.expand_dims(
        _channels(geometry), (*range(1, 1 + rank), *range(2 + rank, 2 + 2 * rank))
    )
    # [1, *space', 1, *kernel], to meet the channels' [O, *1, C/groups, *1]
    position, inside = (np.expand_dims(array, (0, 1 + rank)) for array in (position, inside))
    layout = np.broadcast_shapes(position.shape, channels.shape)
    columns = channels * space + position
    axes = tuple(range(2 + 2 * rank))
    if order == "channels_last":
        columns = position * geometry.input[0] + channels
        axes = (*range(1, 1 + rank), 0, *range(2 + rank, 2 + 2 * rank), 1 + rank)
    weights = np.arange(math.prod(geometry.weight_shape)).reshape(geometry.weight_shape)
    columns, weights, stored = (
        np.broadcast_to(array, layout).transpose(axes) for array in (columns, weights, inside)
    )
    per_row = stored.reshape(math.prod(geometry.output), -1).sum(axis=1)
    return Entries(np.concatenate([[0], np.cumsum(per_row)]), columns[stored], weights[stored])
