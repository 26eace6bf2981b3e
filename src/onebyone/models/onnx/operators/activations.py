"""Activations."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.table import operator

aten = torch.ops.aten
_PLAIN: dict[str, Callable[[Tensor], Tensor]] = {
    "HardSwish": functional.hardswish, "Mish": functional.mish, "Relu": torch.relu,
    "Sigmoid": torch.sigmoid, "Softplus": functional.softplus, "Softsign": functional.softsign,
    "Tanh": torch.tanh,
}  # fmt: skip


def _enter(name: str, function: Callable[[Tensor], Tensor]) -> None:
    @operator(name)
    def compute(x: Tensor) -> Tensor:
        return function(x)


for _name, _function in _PLAIN.items():
    _enter(_name, _function)


@operator("LeakyRelu")
def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    return functional.leaky_relu(x, alpha)


@operator("PRelu")
def prelu(x: Tensor, slope: Tensor) -> Tensor:
    if x.is_floating_point() and slope.numel() == 1:
        return functional.prelu(x, slope.reshape(-1))
    if x.is_floating_point() and x.ndim > 1 and slope.shape == (x.shape[1], *(1,) * (x.ndim - 2)):
        return functional.prelu(x, slope.reshape(-1))
    return torch.where(x < 0, slope * x, x)


@operator("Elu")
def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return functional.elu(x, alpha)


@operator("Selu")
def selu(x: Tensor, *, alpha: float = 1.67326319, gamma: float = 1.05070102) -> Tensor:
    found: Tensor = aten.elu.default(x, alpha, gamma)
    return found


@operator("Celu")
def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return functional.celu(x, alpha)


@operator("Gelu")
def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    return functional.gelu(x, approximate=approximate)


@operator("Swish")
def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return functional.silu(x) if alpha == 1 else x * torch.sigmoid(alpha * x)


@operator("HardSigmoid")
def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:  # PyTorch's, which files hold in 32 bits
        return functional.hardsigmoid(x)
    return torch.clamp(alpha * x + beta, 0, 1)


@operator("ThresholdedRelu")
def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    return functional.threshold(x, alpha, 0)


@operator("Shrink")
def shrink(input: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    above = torch.where(input > lambd, input - bias, torch.zeros_like(input))
    return torch.where(input < -lambd, input + bias, above).to(input.dtype)


@operator("Clip")
def clip_by_attributes(
    input: Tensor, *, min: float | None = None, max: float | None = None
) -> Tensor:
    return clip(input, min, max)


@operator("Clip", since=11)
def clip(input: Tensor, min: float | None = None, max: float | None = None) -> Tensor:
    return input if min is None and max is None else torch.clamp(input, min, max)
