"""Operators on each number by itself: arithmetic, activations, comparisons, types."""

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.constants import TYPES
from onebyone.models.onnx.table import operator


@operator("Identity")
def identity(input: Tensor) -> Tensor:
    return input


@operator("Add")
def add(a: Tensor, b: Tensor) -> Tensor:
    return torch.add(a, b)


@operator("Sub")
def sub(a: Tensor, b: Tensor) -> Tensor:
    return torch.sub(a, b)


@operator("Mul")
def mul(a: Tensor, b: Tensor) -> Tensor:
    return torch.mul(a, b)


@operator("Div")
def div(a: Tensor, b: Tensor) -> Tensor:
    whole = not (a.is_floating_point() or a.is_complex())
    return torch.div(a, b, rounding_mode="trunc" if whole else None)


@operator("Relu")
def relu(x: Tensor) -> Tensor:
    return torch.relu(x)


@operator("Sigmoid")
def sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(x)


@operator("Tanh")
def tanh(input: Tensor) -> Tensor:
    return torch.tanh(input)


@operator("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return torch.clamp(alpha * x + beta, 0, 1)


@operator("HardSwish")
def hard_swish(x: Tensor) -> Tensor:
    return functional.hardswish(x)


@operator("Clip")
def clip_by_attributes(
    input: Tensor, *, min: float | None = None, max: float | None = None
) -> Tensor:
    return clip(input, min, max)


@operator("Clip", since=11)
def clip(input: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    return input if min is None and max is None else torch.clamp(input, min, max)


@operator("Cast")
def cast(input: Tensor, *, to: int) -> Tensor:
    return input.to(TYPES[to])
