"""Arithmetic on each number by itself."""

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from onebyone.models.onnx.table import operator
from onebyone.models.onnx.unsigned import widened

_OF_ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "Abs": torch.abs, "Acos": torch.acos, "Acosh": torch.acosh, "Asin": torch.asin,
    "Asinh": torch.asinh, "Atan": torch.atan, "Atanh": torch.atanh, "Ceil": torch.ceil,
    "Cos": torch.cos, "Cosh": torch.cosh, "Erf": torch.erf, "Exp": torch.exp,
    "Floor": torch.floor, "Log": torch.log, "Neg": torch.neg, "Reciprocal": torch.reciprocal,
    "Round": torch.round, "Sign": torch.sign, "Sin": torch.sin, "Sinh": torch.sinh,
    "Sqrt": torch.sqrt, "Tan": torch.tan, "BitwiseNot": torch.bitwise_not,
}  # fmt: skip
_OF_TWO: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "BitwiseAnd": torch.bitwise_and,
    "BitwiseOr": torch.bitwise_or, "BitwiseXor": torch.bitwise_xor,
}  # fmt: skip
_OF_ANY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Sum": torch.add, "Max": torch.maximum, "Min": torch.minimum,
}  # fmt: skip


def _enter_of_one(name: str, function: Callable[[Tensor], Tensor]) -> None:
    @operator(name)
    @widened
    def compute(x: Tensor) -> Tensor:
        return function(x)


def _enter_of_two(name: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    @operator(name)
    @widened
    def compute(a: Tensor, b: Tensor) -> Tensor:
        return function(a, b)


def _enter_of_any(name: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
    @operator(name)
    @widened
    def compute(*data: Tensor) -> Tensor:
        return reduce(function, data)


for _name, _one in _OF_ONE.items():
    _enter_of_one(_name, _one)
for _name, _two in _OF_TWO.items():
    _enter_of_two(_name, _two)
for _name, _two in _OF_ANY.items():
    _enter_of_any(_name, _two)


@operator("Div")
@widened
def div(a: Tensor, b: Tensor) -> Tensor:
    whole = not (a.is_floating_point() or a.is_complex())
    return torch.div(a, b, rounding_mode="trunc" if whole else None)


@operator("Mean")
def mean(*data: Tensor) -> Tensor:
    return reduce(torch.add, data) / len(data)


@operator("Mod")
@widened
def mod(a: Tensor, b: Tensor, *, fmod: int = 0) -> Tensor:
    return torch.fmod(a, b) if fmod else torch.remainder(a, b)


@operator("Pow")
@widened
def pow_(x: Tensor, y: Tensor | float) -> Tensor:
    if x.is_floating_point():
        return torch.pow(x, y).to(x.dtype)
    if isinstance(y, Tensor) and not y.is_floating_point():
        return torch.pow(x, y).to(x.dtype)
    return torch.pow(x.double(), y).to(x.dtype)


@operator("BitShift")
@widened
def bit_shift(x: Tensor, y: Tensor, *, direction: str) -> Tensor:
    left = direction == "LEFT"
    return torch.bitwise_left_shift(x, y) if left else torch.bitwise_right_shift(x, y)
