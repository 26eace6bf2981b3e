"""Weights with their numbers in another order, read and written a tile at a time."""

from typing import Any

import numpy as np
import onnx_ir as ir

from onebyone.rewriting.relabelling import Relabelling

# Rows and columns that are transposed at once: few enough for the cache to hold them.
_ROWS, _COLUMNS = 64, 256


class RelabelledTensor(ir.LazyTensor):
    """A tensor that reads another one when it is asked, and gives its numbers relabelled."""

    def __init__(self, source: ir.TensorProtocol, relabelling: Relabelling) -> None:
        self.source = source
        self.relabelling = relabelling
        super().__init__(
            lambda: ir.Tensor(self._turned().reshape(relabelling.after), dtype=source.dtype),
            dtype=source.dtype,
            shape=ir.Shape(relabelling.after),
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


def stream(tensor: ir.TensorProtocol, file: Any) -> None:
    """Write a tensor's bytes, and let go of the file that they were read from."""
    if isinstance(tensor, ir.ExternalTensor | RelabelledTensor):
        tensor.tofile(file)
    else:
        file.write(tensor.tobytes())
    if isinstance(tensor, ir.ExternalTensor):
        tensor.release()
