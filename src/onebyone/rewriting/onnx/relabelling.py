"""Weights with their numbers in another order, read and written a tile at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import onnx_ir as ir

# Rows and columns that are transposed at once: few enough for the cache to hold them.
_ROWS, _COLUMNS = 64, 256


@dataclass(frozen=True)
class Relabelling:
    """Reshape, transpose, reshape: all that a rewrite does to a weight.

    Attributes:
        view: the shape that the weight is first seen in.
        order: the transpose of it.
        shape: what comes out.
    """

    view: tuple[int, ...]
    order: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def keeps_order(self) -> bool:
        """Whether the numbers stay where they are."""
        kept = [k for k in self.order if self.view[k] != 1]
        return kept == sorted(kept)

    def carry(self, axis: int, sizes: Sequence[int]) -> int | None:
        """Where an axis of a weight of these sizes goes; None if it is cut up or merged."""
        seen = _same_axis(axis % len(sizes), sizes, self.view)
        if seen is None:
            return None
        turned = [self.view[k] for k in self.order]
        return _same_axis(self.order.index(seen), turned, self.shape)

    def resized(self, axis: int, sizes: Sequence[int], size: int) -> "Relabelling":
        """The same for a tensor that has another size on one axis, which stays whole."""
        seen, new = _same_axis(axis % len(sizes), sizes, self.view), self.carry(axis, sizes)
        assert seen is not None
        assert new is not None
        view, shape = list(self.view), list(self.shape)
        view[seen] = shape[new] = size
        return Relabelling(tuple(view), self.order, tuple(shape))


class Relabelled(ir.LazyTensor):
    """A tensor that reads another one when it is asked, and gives its numbers relabelled."""

    def __init__(self, source: ir.TensorProtocol, relabelling: Relabelling) -> None:
        self.source = source
        self.relabelling = relabelling
        super().__init__(
            lambda: ir.Tensor(np.ascontiguousarray(self._turned()), dtype=source.dtype),
            dtype=source.dtype,
            shape=ir.Shape(relabelling.shape),
            name=source.name,
            doc_string=source.doc_string,
            metadata_props=dict(source.metadata_props),
        )

    def tofile(self, file: Any) -> None:
        """Write the bytes; a transposed weight in tiles."""
        if self.relabelling.keeps_order:
            stream(self.source, file)
        elif self.source.dtype.bitwidth < 8:
            file.write(self.tobytes())
        else:
            self._write_tiles(file)
            if isinstance(self.source, ir.ExternalTensor):
                self.source.release()

    def _write_tiles(self, file: Any) -> None:
        turned = self._turned()
        for first in range(0, len(turned), _ROWS):
            rows = turned[first : first + _ROWS]
            block = np.empty(rows.shape, rows.dtype)
            for column in range(0, rows.shape[1], _COLUMNS):
                tile = np.s_[:, column : column + _COLUMNS]
                # Made compact first: the rows of a large weight compete for the same cache lines.
                block[tile] = rows[tile].copy(order="K")
            file.write(block.view(np.uint8).data)

    def _turned(self) -> np.ndarray:
        return self.source.numpy().reshape(self.relabelling.view).transpose(self.relabelling.order)

    def numpy(self) -> np.ndarray:
        """The numbers, in the new shape."""
        return np.ascontiguousarray(self._turned()).reshape(self.relabelling.shape)


def stream(tensor: ir.TensorProtocol, file: Any) -> None:
    """Write a tensor's bytes, and let go of the file that they were read from."""
    if isinstance(tensor, ir.ExternalTensor | Relabelled):
        tensor.tofile(file)
    else:
        file.write(tensor.tobytes())
    if isinstance(tensor, ir.ExternalTensor):
        tensor.release()


def _same_axis(axis: int, sizes: Sequence[int], others: Sequence[int]) -> int | None:
    """The axis of another shape of the same numbers that runs over the same ones."""
    for k, size in enumerate(others):
        if size == sizes[axis] and prod(others[:k]) == prod(sizes[:axis]):
            return k
    return None
