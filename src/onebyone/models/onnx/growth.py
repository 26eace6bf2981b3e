"""How many numbers a node gives, found before they are made: few bytes of a file can ask for many.

Numbers that follow from sizes are few. Where they are many, as a token that is repeated for each
window, a node computes tensors, which the network's graph shows and which learn.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from onebyone.models.onnx.node import Node
from onebyone.models.onnx.table import Operator
from onebyone.models.onnx.values import listed

_MOST = 1 << 10
"""Numbers that NumPy computes."""
_LEARNED = 16
"""Floating-point constants of more numbers are weights; those of a Resize are fewer."""


def is_few(
    operator: Operator, attributes: Mapping[str, Any], inputs: Sequence[Tensor | np.ndarray | None]
) -> bool:
    """Whether what a node gives for numbers of sizes, and constants, is few numbers.

    What cannot be found out is taken to be many, and refused where it is not computed then.
    """
    taken = [x for n, x in enumerate(inputs) if x is not None and operator.has_tensor(n)]
    learned = [x for x in taken if isinstance(x, Tensor) and x.is_floating_point()]
    if any(x.numel() > _LEARNED for x in learned):
        return False
    if learned and all(isinstance(x, Tensor) for x in taken):
        return False  # sizes only say how many times, or which part of, weights are taken
    tensors = [torch.from_numpy(np.array(x)) if isinstance(x, np.ndarray) else x for x in inputs]
    try:
        found = sizes_of(Node(operator, attributes, tensors))
    except Exception:  # of many kinds, as operators are
        return False
    return sum(int(prod(value.shape)) for value in found) <= _MOST


def sizes_of(node: Node) -> list[Any]:
    """What a node of constants gives, without numbers."""
    with torch.no_grad(), torch.device("meta"):
        return listed(functional_call(node, without_numbers(node), ()))


def without_numbers(module: nn.Module) -> dict[str, Tensor]:
    """A module's tensors on the device that has no numbers."""
    tensors = dict([*module.named_parameters(), *module.named_buffers()])
    return {name: torch.empty_like(t, device="meta") for name, t in tensors.items()}
