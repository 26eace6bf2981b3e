"""Constants of a file: views of their bytes, and a name for what they hold in a given order."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

import numpy as np
import onnx_ir as ir

Found = TypeVar("Found")

_CONTENT = "onebyone.content"
CHUNK = 1 << 21
"""Bytes that are put in order at a time, few enough for the cache."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A constant as the file has it.

    Attributes:
        source: an onnx-ir tensor; external data is mapped, not read.
        factors: what it is multiplied by, one number after the other, when it is asked for.
    """

    source: Any
    factors: tuple[float, ...] = ()

    @property
    def array(self) -> np.ndarray:
        """Its elements, as a view where that can be."""
        return reduce(scaled, self.factors, np.asarray(self.source.numpy()))

    def times(self, factor: float) -> "Tensor":
        """The same times a number."""
        return Tensor(self.source, (*self.factors, factor))

    def read(self, function: Callable[[np.ndarray], Found]) -> Found:
        """What a function, which keeps no view, finds in the elements; a mapped file is let go."""
        found = function(self.array)
        if isinstance(self.source, ir.ExternalTensor):
            self.source.release()
        return found

    @property
    def element(self) -> int:
        """Its element type, as ONNX numbers them."""
        return int(self.source.dtype)


def constant_of(value: ir.Value) -> ir.TensorProtocol | None:
    """The tensor of a value that is the same for every input, as its file has it; else None.

    An initializer that is also an input is not: whoever runs the file may give another value.
    """
    node = value.producer()
    if node is None:
        return None if value.is_graph_input() else value.const_value
    if node.op_type != "Constant" or node.domain:
        return None
    (attribute,) = node.attributes.values()
    if attribute.is_ref():
        return None
    return attribute.value if attribute.name == "value" else ir.tensor(attribute.value)


def digest(array: np.ndarray) -> str:
    """SHA-256 of the elements' bytes in the order of the view's axes."""
    total = hashlib.sha256()
    if array.dtype == np.object_:  # text
        total.update(repr(array.tolist()).encode())
        return total.hexdigest()
    for piece in pieces(array):
        # Compact first: rows that lie far apart compete for cache lines.
        compact = piece if piece.flags.c_contiguous else piece.copy(order="K")
        total.update(np.ascontiguousarray(compact).reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def content(tensor: ir.TensorProtocol) -> str:
    """A name for what a constant holds as it lies, looked at once."""
    if _CONTENT not in tensor.meta:
        tensor.meta[_CONTENT] = Tensor(tensor).read(digest)
    return str(tensor.meta[_CONTENT])


def scaled(array: np.ndarray, factor: float) -> np.ndarray:
    """The array times a number, in its own type."""
    out = np.empty(array.shape, array.dtype)
    for piece, target in zip(pieces(array), pieces(out), strict=True):
        target[...] = piece.astype(np.float64) * factor
    return out


def pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """Views of all elements, each of `CHUNK` bytes at most."""
    if array.nbytes <= CHUNK or array.ndim == 0:
        yield array
    elif array.nbytes // len(array) > CHUNK:
        for part in array:
            yield from pieces(part)
    else:
        rows = max(1, CHUNK * len(array) // array.nbytes)
        for start in range(0, len(array), rows):
            yield array[start : start + rows]
