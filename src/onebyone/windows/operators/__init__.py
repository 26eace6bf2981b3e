"""One short function for each ATen operator: how it moves positions, and how it is emitted.

A function takes a call and says what step it is, or raises `NotShared` with the reason. To add an
operator, write one more and register it with `@operator(...)`.
"""

from onebyone.windows.operators import convolutions, pooling, positions
from onebyone.windows.operators.call import OPERATORS, Call, by_dim, operator
from onebyone.windows.operators.channels import elementwise, is_elementwise

__all__ = [
    "OPERATORS",
    "Call",
    "by_dim",
    "convolutions",
    "elementwise",
    "is_elementwise",
    "operator",
    "pooling",
    "positions",
]
