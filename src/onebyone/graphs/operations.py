"""How many operations a node of a captured graph takes for one window."""

from math import prod
from typing import Any, cast

import torch
from torch import fx
from torch.utils.flop_counter import FlopCounterMode

from onebyone.graphs.aten import value_of


def multiply_adds(node: fx.Node) -> int:
    """Floating-point operations of a node's convolutions and matrix products for one window.

    Counted by `torch.utils.flop_counter`: a multiplication and an addition are two operations;
    operators other than convolutions and matrix products count as none.
    """
    if not isinstance(node.target, torch._ops.OpOverload) or _is_elementwise(node):
        return 0
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: _at_batch_one(value_of(n)))
    with FlopCounterMode(display=False) as counter:
        node.target(*cast(Any, args), **cast(Any, kwargs))
    return int(counter.get_total_flops())


def elements(node: fx.Node) -> int:
    """Numbers that a node writes for one window."""
    value = value_of(node)
    return prod(_at_batch_one(value).shape) if isinstance(value, torch.Tensor) else 0


def _is_elementwise(node: fx.Node) -> bool:
    return torch.Tag.pointwise in cast(torch._ops.OpOverload, node.target).tags


def _at_batch_one(value: Any) -> Any:
    """A recorded value with the batch replaced by one and without data."""
    if isinstance(value, torch.Tensor):
        return torch.empty(
            [_at_batch_one(n) for n in value.shape], dtype=value.dtype, device="meta"
        )
    if isinstance(value, torch.SymInt):
        expression = value.node.expr
        return int(expression.subs(dict.fromkeys(expression.free_symbols, 1)))
    if isinstance(value, list | tuple):
        return type(value)(_at_batch_one(item) for item in value)
    return value
