"""One short function for each ONNX operator: of what its result is a function, and how it lies.

A function takes a call and gives values, or raises `Undecided` with the reason. To follow an
operator, write one more and register it with `@operator(...)`.
"""

from onebyone.equivalence.onnx.structure.operators import (
    linear,
    moves,
    pointwise,
    pools,
    resizing,
    slices,
)
from onebyone.equivalence.onnx.structure.operators.call import OPERATORS, Call

__all__ = ["OPERATORS", "Call", "linear", "moves", "pointwise", "pools", "resizing", "slices"]
