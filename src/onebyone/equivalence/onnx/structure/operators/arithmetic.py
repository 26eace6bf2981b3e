"""Sums and products of two values, with what real arithmetic says of constants in them."""

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from onebyone.equivalence.onnx.constants import Tensor, pieces
from onebyone.equivalence.onnx.structure.layout import identity
from onebyone.equivalence.onnx.structure.operators.call import Call, operator, trailing
from onebyone.equivalence.onnx.structure.sizes import ONE
from onebyone.equivalence.onnx.structure.table import Table
from onebyone.equivalence.onnx.structure.values import Letter, Operand, Term, Value

PRODUCT = "sum of products"
NEUTRAL = {"Add": 0.0, "Mul": 1.0}


@operator("Add", "Mul")
def _arithmetic(call: Call) -> Value:
    a, b = call[0], call[1]
    out = range(-max(len(a.shape), len(b.shape)), 0)
    return arithmetic(call.table, call.node.op_type, trailing([a, b]), out)


def times(table: Table, value: Value, factor: float) -> Value:
    """A value times a number."""
    constant = Value(Tensor(ir.tensor(np.float32(factor))), identity([]))
    letters = range(len(value.shape))
    return arithmetic(table, "Mul", [(value, letters), (constant, [])], letters)


def arithmetic(
    table: Table, name: str, operands: Sequence[Operand], out: Sequence[Letter]
) -> Value:
    """The sum ("Add") or product ("Mul") of two operands.

    Adding zeros or multiplying by ones is nothing, and a number goes into the constant that it
    multiplies where the result is exact: a scaled layer is the layer with scaled weights.
    """
    for (value, letters), (other, others) in zip(operands, operands[::-1], strict=True):
        sizes = dict(zip(letters, value.shape, strict=True))
        same = list(letters) == list(out) and all(
            size in (ONE, sizes.get(a)) for a, size in zip(others, other.shape, strict=True)
        )
        if same and isinstance(other.function, Tensor):
            if other.function.read(lambda held: bool((held == NEUTRAL[name]).all())):
                return value
            factor = other.function.read(_single) if name == "Mul" else None
            scaled = None if factor is None else _scaled(table, value, factor)
            if scaled is not None:
                return scaled
    return table.join(name, operands, out, commutative=True)


def _scaled(table: Table, value: Value, factor: float) -> Value | None:
    """The value with the factor in its constant; None where it has none or that would round."""
    function = value.function
    if isinstance(function, Tensor):
        exact = _is_exact(function, factor)
        return Value(function.times(factor), value.layout) if exact else None
    if not isinstance(function, Term) or function.operator != PRODUCT:
        return None
    for index, (term, link) in enumerate(function.operands):
        if term.constant is not None and _is_exact(term.constant[0], factor):
            tensor, layout = term.constant
            operands = list(function.operands)
            operands[index] = table.entry(Value(tensor.times(factor), layout)), link
            made = table.term(function.operator, function.attributes, operands, function.element)
            return Value(made, value.layout)
    return None


def _single(array: np.ndarray) -> float | None:
    """The only element; None where there are more."""
    return float(array.reshape(-1)[0]) if array.size == 1 else None


def _is_exact(tensor: Tensor, factor: float) -> bool:
    """Whether a constant's type holds its product with a number."""

    def found(array: np.ndarray) -> bool:
        if array.dtype.kind != "f":
            return False
        products = (piece.astype(np.float64) * factor for piece in pieces(array))
        return all(np.array_equal(exact.astype(array.dtype), exact) for exact in products)

    return tensor.read(found)
