"""Comparisons, logic, and choices by them."""

from collections.abc import Callable

import torch
from torch import Tensor

from onebyone.models.onnx.table import operator
from onebyone.models.onnx.unsigned import widened

_OF_TWO: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Equal": torch.eq, "Less": torch.lt, "LessOrEqual": torch.le, "Greater": torch.gt,
    "GreaterOrEqual": torch.ge, "And": torch.logical_and, "Or": torch.logical_or,
    "Xor": torch.logical_xor,
}  # fmt: skip


def _enter(name: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    @operator(name)
    @widened
    def compute(a: Tensor, b: Tensor) -> Tensor:
        return function(a, b)


for _name, _function in _OF_TWO.items():
    _enter(_name, _function)


@operator("Not")
def not_(x: Tensor) -> Tensor:
    return torch.logical_not(x)


@operator("IsNaN")
def is_nan(x: Tensor) -> Tensor:
    return torch.isnan(x)


@operator("IsInf")
def is_inf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    if detect_negative and detect_positive:
        return torch.isinf(x)
    if detect_negative or detect_positive:
        return torch.eq(x, float("inf") if detect_positive else float("-inf"))
    return torch.zeros_like(x, dtype=torch.bool)


@operator("Where")
def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return torch.where(condition, x, y)
