"""Small integer tensors that a file computes from shapes, as sizes with symbols."""

from collections.abc import Callable

import numpy as np
import onnx_ir as ir

from onebyone.equivalence.onnx.constants import Tensor
from onebyone.equivalence.onnx.structure.operators.call import Call
from onebyone.equivalence.onnx.structure.sizes import Size, product
from onebyone.equivalence.onnx.structure.values import Known

LONGEST = 64
"""A longer tensor holds no shape."""
RANGES = {
    int(kind): (np.iinfo(kind.numpy()).min, np.iinfo(kind.numpy()).max)
    for kind in (ir.DataType.INT32, ir.DataType.INT64)
}
"""Element types that hold sizes, and what fits into them."""


def constant_sizes(tensor: Tensor) -> Known | None:
    """The elements of an integer constant of at most one axis."""
    array = tensor.array
    if array.dtype not in (np.int64, np.int32) or array.ndim > 1 or array.size > LONGEST:
        return None
    return tuple(Size.of(int(element)) for element in array.reshape(-1))


def computed_sizes(call: Call, element: int) -> Known | None:
    """The elements of the node's result where they follow from shapes, else None.

    A size that is not known counts as one that fits into 32 bits.
    """
    name, given = call.node.op_type, [value for value in call.inputs if value is not None]
    if name not in _OF_SHAPES and any(value.elements is None for value in given):
        return None
    rule = (_OF_SHAPES | _OF_ELEMENTS).get(name)
    sizes = rule(call) if rule else None
    if sizes is None:
        return None
    least, most = RANGES.get(element, (0, -1))
    fit = all(least <= number <= most for size in sizes for _, number in size.terms)
    return sizes if fit else None


def _shape(call: Call) -> Known:
    return call[0].shape[slice(call.attribute("start", 0), call.attribute("end"))]


def _size(call: Call) -> Known:
    return (product(call[0].shape),)


def _same(call: Call) -> Known:
    return call.sizes(0)


def _concat(call: Call) -> Known:
    return tuple(size for index in range(len(call.inputs)) for size in call.sizes(index))


def _gather(call: Call) -> Known | None:
    held, numbers = call.sizes(0), call.integers(1)
    inside = all(-len(held) <= number < len(held) for number in numbers)
    return tuple(held[number] for number in numbers) if inside else None


def _slice(call: Call) -> Known | None:
    if call.version < 10:
        return None
    steps = call.integers(4) if call.has(4) else (1,)
    ends = list(zip(call.integers(1), call.integers(2), steps, strict=False))
    return call.sizes(0)[slice(*ends[0])] if len(ends) == 1 and steps != (0,) else None


def _multiplied(call: Call) -> Known | None:
    a, b = call.sizes(0), call.sizes(1)
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        return None
    a, b = (x * len(y) if len(x) == 1 else x for x, y in ((a, b), (b, a)))
    return tuple(x * y for x, y in zip(a, b, strict=True))


def _divided(call: Call) -> Known | None:
    a, b = call.sizes(0), call.sizes(1)
    if len(a) != len(b):
        return None
    quotients = [x.over(y) for x, y in zip(a, b, strict=True)]
    return None if None in quotients else tuple(q for q in quotients if q is not None)


def _all(call: Call) -> Known | None:
    return None if call.attribute("noop_with_empty_axes", 0) else (product(call.sizes(0)),)


_Rule = Callable[[Call], Known | None]
_OF_SHAPES: dict[str, _Rule] = {"Shape": _shape, "Size": _size}
_OF_ELEMENTS: dict[str, _Rule] = {
    "Identity": _same,
    "Cast": _same,
    "Squeeze": _same,
    "Unsqueeze": _same,
    "Reshape": _same,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Mul": _multiplied,
    "Div": _divided,
    "ReduceProd": _all,
}
