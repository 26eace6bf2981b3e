"""A layer's matrix as an operator: the windows are gathered, the matrix is never stored."""

import math

import numpy as np
from jaxtyping import Num
from scipy.sparse.linalg import LinearOperator

from onebyone.layers.kinds import LayerGeometry


class LayerOperator(LinearOperator):
    """The linear part of a layer as a SciPy LinearOperator, for layers of any size.

    Args:
        geometry: what the layer connects.
        weight: its weights, in `LayerGeometry.weight_shape`.
        order: how the vectors flatten their grids, "channels_first" or "channels_last".
    """

    def __init__(self, geometry: LayerGeometry, weight: Num[np.ndarray, "..."], order: str) -> None:
        self.geometry = geometry
        self.order = order
        rank = len(geometry.axes)
        self._reads = tuple(axis.reads() for axis in geometry.axes)
        self._places = geometry.output[1:]
        # Labels for einsum: output channel, group, channel, then positions and taps axis by axis.
        positions, taps = list(range(3, 3 + rank)), list(range(3 + rank, 3 + 2 * rank))
        self._window = [
            1,
            2,
            *(label for pair in zip(positions, taps, strict=True) for label in pair),
        ]
        self._kernel = [1, 0, *([] if geometry.shared else positions), 2, *taps]
        self._result = [1, 0, *positions]
        shape = geometry.weight_shape
        places = () if geometry.shared else shape[1 : 1 + rank]
        self._weight = weight.reshape(geometry.groups, -1, *places, *shape[1 + rank :])
        super().__init__(weight.dtype, (math.prod(geometry.output), math.prod(geometry.input)))

    def _matvec(self, x: Num[np.ndarray, "..."]) -> Num[np.ndarray, " outputs"]:
        y = self._grid(x, self.geometry.input)
        for a, reads in enumerate(self._reads):
            axis = 1 + 2 * a
            # Padding reads position −1: the zero appended here.
            y = np.take(np.pad(y, [(0, int(i == axis)) for i in range(y.ndim)]), reads, axis=axis)
        y = y.reshape(self.geometry.groups, -1, *y.shape[1:])
        y = np.einsum(self._weight, self._kernel, y, self._window, self._result, optimize=True)
        return self._flat(y.reshape(self.geometry.output))

    def _rmatvec(self, y: Num[np.ndarray, "..."]) -> Num[np.ndarray, " inputs"]:
        grid = self._grid(y, self.geometry.output)
        grid = grid.reshape(self.geometry.groups, -1, *self._places)
        x = np.einsum(self._weight, self._kernel, grid, self._result, self._window, optimize=True)
        x = x.reshape(self.geometry.input[0], *x.shape[2:])
        for a in reversed(range(len(self._reads))):
            axis, reads = 1 + 2 * a, self._reads[a]
            moved = np.moveaxis(x, (axis, axis + 1), (0, 1))
            total = np.zeros((self.geometry.axes[a].size + 1, *moved.shape[2:]), dtype=x.dtype)
            np.add.at(total, reads, moved)
            x = np.moveaxis(total[:-1], 0, axis)
        return self._flat(x)

    def _grid(
        self, vector: Num[np.ndarray, "..."], grid: tuple[int, ...]
    ) -> Num[np.ndarray, "..."]:
        if self.order == "channels_last":
            return np.moveaxis(vector.reshape(*grid[1:], grid[0]), -1, 0)
        return vector.reshape(grid)

    def _flat(self, grid: Num[np.ndarray, "..."]) -> Num[np.ndarray, " values"]:
        return (np.moveaxis(grid, 0, -1) if self.order == "channels_last" else grid).ravel()
