"""Constants of a file: views of their bytes, and a name for what they hold in a given order."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx_ir as ir

from onebyone.rewriting.check.layout import Digit, Layout
from onebyone.rewriting.check.sizes import ONE

CHUNK = 1 << 24
"""Bytes that are put in order at a time, whatever the size of the constant."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A constant as the file has it.

    Attributes:
        source: an onnx-ir tensor; external data is mapped, not read.
    """

    source: Any

    @cached_property
    def array(self) -> np.ndarray:
        """Its elements, as a view where that can be."""
        return np.asarray(self.source.numpy())

    @property
    def element(self) -> int:
        """Its element type, as ONNX numbers them."""
        return int(self.source.dtype)


def constant_of(value: ir.Value) -> ir.TensorProtocol | None:
    """The tensor of a value that is an initializer or a Constant node's, else None."""
    if value.const_value is not None:
        return value.const_value
    node = value.producer()
    if node is None or node.op_type != "Constant":
        return None
    (attribute,) = node.attributes.values()
    return attribute.value if attribute.name == "value" else ir.tensor(attribute.value)


def view(tensor: Tensor, layout: Layout) -> np.ndarray:
    """The elements with one axis for each digit of `layout`, without copying them."""
    order = [digit for group in layout for digit in group]
    pieces = radix(order)
    sizes = [_number(digit) for digit in pieces]
    return tensor.array.reshape(sizes).transpose([pieces.index(digit) for digit in order])


def radix(digits: list[Digit]) -> list[Digit]:
    """All digits of a function's axes, axis by axis, the most significant first."""
    out: list[Digit] = []
    for axis in sorted({digit.axis for digit in digits}):
        strides = {digit.stride: digit for digit in digits if digit.axis == axis}
        chain, stride = [], ONE
        while stride in strides:
            chain.append(strides[stride])
            stride = strides[stride].stride * strides[stride].size
        out.extend(reversed(chain))
    assert len(out) == len(digits), "a layout has every digit of its function once"
    return out


def digest(array: np.ndarray) -> str:
    """SHA-256 of the elements' bytes in the order of the view's axes."""
    total = hashlib.sha256()
    for piece in _pieces(array):
        total.update(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    if array.nbytes <= CHUNK or array.ndim == 0:
        yield array
    elif array.nbytes // len(array) > CHUNK:
        for part in array:
            yield from _pieces(part)
    else:
        rows = max(1, CHUNK * len(array) // array.nbytes)
        for start in range(0, len(array), rows):
            yield array[start : start + rows]


def _number(digit: Digit) -> int:
    known = digit.size.known
    assert known is not None, "a constant has known sizes"
    return known
