"""How many operations a node of a captured graph takes for one window."""

from typing import Any, cast

import torch
from torch import fx
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count, flop_registry

from onebyone.graphs.aten import CONVOLUTIONS, arguments, value_of
from onebyone.graphs.value import Batch, Value


def multiply_adds(node: fx.Node) -> int:
    """Floating-point operations of a node's convolutions and matrix products for one window.

    Counted by `torch.utils.flop_counter`: a multiplication and an addition are two operations;
    operators other than convolutions and matrix products count as none.
    """
    if not isinstance(node.target, torch._ops.OpOverload) or not _may_multiply(node.target):
        return 0
    if node.target in CONVOLUTIONS:
        read, weight = (value_of(arguments(node)[name]).at(1) for name in ("input", "weight"))
        return int(conv_flop_count(read, weight, value_of(node).at(1)))
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda n: _at_batch_one(value_of(n)))
    with FlopCounterMode(display=False) as counter:
        node.target(*cast(Any, args), **cast(Any, kwargs))
    return int(counter.get_total_flops())


def elements(node: fx.Node) -> int:
    """Numbers that a node writes for one window."""
    value = value_of(node)
    return value.elements() if isinstance(value, Value) else 0


def _may_multiply(target: torch._ops.OpOverload[Any, Any]) -> bool:
    """Whether an operator is counted, or made of others, which may be."""
    return target._can_decompose() or target.overloadpacket in flop_registry


def _at_batch_one(value: Any) -> Any:
    """A noted value for one window, without data."""
    if isinstance(value, Value):
        return torch.empty(value.at(1), dtype=value.dtype, device="meta")
    if isinstance(value, Batch):
        return value.at(1)
    return [_at_batch_one(item) for item in value] if isinstance(value, list) else value
