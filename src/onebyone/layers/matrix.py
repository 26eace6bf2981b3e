"""The matrix of a layer, built from S5: index patterns per axis, never unit vectors."""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import get_args

import numpy as np
from jaxtyping import Bool, Int, Num
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator
from torch import Tensor, from_numpy, nn, sparse_csr_tensor

from onebyone.choices import Order
from onebyone.errors import InputError
from onebyone.layers.entries import Entries, channels, entries, require_room
from onebyone.layers.kinds import Form
from onebyone.layers.operator import LayerOperator
from onebyone.layers.reading import read
from onebyone.layers.values import as_numpy, require_finite
from onebyone.notebook import grid, shown

ORDERS = get_args(Order)
DRAWN = (32, 48)
"""The most rows and columns that a notebook shows."""


@dataclass(frozen=True, eq=False)
class LayerMatrix:
    """A linear layer as one sparse matrix: M @ x.flatten() + bias == layer(x).flatten().

    Structure and values are kept apart: a weight of zero is still a connection.

    Example:
        >>> m = ob.matrix(nn.AvgPool1d(2), input=(1, 4))
        >>> m
        2×4 matrix of a length-2 convolution, (1, 4) → (1, 2): 4 connections, 2 weights
        >>> m.toarray()
        array([[0.5, 0.5, 0. , 0. ],
               [0. , 0. , 0.5, 0.5]], dtype=float32)
        >>> m @ np.array([1, 3, 5, 7]) + m.bias
        array([2., 6.])
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
        geometry, value = self.form.geometry, self.form.weight.element_size()
        require_room(geometry, value, "use .operator(), which stores none of it")
        return entries(geometry, self.order)

    @cached_property
    def weight(self) -> csr_array:
        """The matrix M in SciPy's CSR format, in the layer's precision.

        Raises:
            InputError: a weight is not finite, or the matrix is too large to store.
        """
        require_finite(self.form)
        values = self.entries.values(as_numpy(self.form.weight))
        return csr_array((values, self.entries.indices, self.entries.indptr), shape=self.shape)

    @cached_property
    def pattern(self) -> csr_array:
        """The connections: True wherever an output reads an input, whatever the weight."""
        stored = np.ones(len(self.entries.indices), dtype=bool)
        return csr_array((stored, self.entries.indices, self.entries.indptr), shape=self.shape)

    @cached_property
    def sharing(self) -> Int[np.ndarray, " entries"]:
        """The index of the layer's weight behind every entry of `weight.data`."""
        return self.entries.sharing(self.form.weight.numel())

    @cached_property
    def bias(self) -> Num[np.ndarray, " outputs"]:
        """One bias per output; zeros where the layer has none."""
        form = self.form
        if form.bias is None:
            return np.zeros(self.shape[0], dtype=as_numpy(form.weight).dtype)
        grid = np.broadcast_to(as_numpy(form.bias), form.geometry.output)
        return (np.moveaxis(grid, 0, -1) if self.order == "channels_last" else grid).ravel()

    @property
    def connections(self) -> Bool[np.ndarray, "O C"]:
        """The connection table: which output channel reads which input channel."""
        geometry = self.form.geometry
        table = np.zeros((geometry.output[0], geometry.input[0]), dtype=bool)
        np.put_along_axis(table, channels(geometry), True, axis=1)
        return table

    def toarray(self) -> Num[np.ndarray, "outputs inputs"]:
        """Return M as a dense array."""
        return np.asarray(self.weight.toarray())

    def torch(self) -> Tensor:
        """Return M as a sparse CSR tensor of PyTorch, which shares the memory of `weight`."""
        m = self.weight
        crow, columns, values = map(from_numpy, (m.indptr, m.indices, m.data))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
            return sparse_csr_tensor(crow, columns, values, size=self.shape, check_invariants=False)

    def operator(self) -> LinearOperator:
        """Return M as a SciPy LinearOperator that never stores the matrix, for layers of any size.

        Its `matvec` and `rmatvec` gather the windows and multiply them by the layer's weights.
        """
        return LayerOperator(self.form.geometry, as_numpy(self.form.weight), self.order)

    def __matmul__(self, x: Num[np.ndarray, " inputs"]) -> Num[np.ndarray, " outputs"]:
        return np.asarray(self.weight @ x)

    def __str__(self) -> str:
        geometry, (rows, columns) = self.form.geometry, self.shape
        connections, weights = geometry.connections, self.form.weight.numel()
        said = (
            f"{rows:,}×{columns:,} matrix of {geometry}, {geometry.input} → {geometry.output}: "
            f"{connections:,} connections, {weights:,} weights"
        )
        return said if self.order == "channels_first" else f"{said}, channels last"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if any(size > most for size, most in zip(self.shape, DRAWN, strict=True)):
            return shown("LayerMatrix", str(self))
        return shown("LayerMatrix", str(self), {}, grid(self._cells()))

    def _cells(self) -> Iterator[list[tuple[str, int | None]]]:
        """The rows of M: each connection with its weight's number, a dot where there is none."""
        found = self.entries
        values = found.values(as_numpy(self.form.weight))
        for start, stop in pairwise(found.indptr):
            row: list[tuple[str, int | None]] = [("·", None)] * self.shape[1]
            for entry in range(start, stop):
                number = int(self.sharing[entry])
                row[found.indices[entry]] = f"{values[entry] + 0.0:.3g}", number  # never -0
            yield row


def matrix(
    layer: nn.Module,
    input: Sequence[int],
    output: Sequence[int] | None = None,
    order: Order = "channels_first",
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

    Example:
        >>> m = ob.matrix(nn.Conv1d(1, 1, 2), input=(1, 4))
        >>> m.pattern.toarray().astype(int)  # which output reads which input
        array([[1, 1, 0, 0],
               [0, 1, 1, 0],
               [0, 0, 1, 1]])
        >>> m.sharing.tolist()  # two weights, shared by all rows
        [0, 1, 0, 1, 0, 1]
    """
    if order not in ORDERS:
        raise InputError(f"order={order!r}: give one of {', '.join(ORDERS)}")
    return LayerMatrix(read(layer, input, output), order)
