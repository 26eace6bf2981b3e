"""Activations of recurrent layers, which are given by name."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.errors import InputError
from onebyone.models.shown import shown

Activation = Callable[[Tensor], Tensor]

_OF_LSTM = 3

# By name in lower case: the function of a tensor, alpha and beta, and what these are by default;
# nothing says that of the first and of ScaledTanh.
_ACTIVATIONS: dict[str, tuple[Callable[..., Tensor], tuple[float | None, ...]]] = {
    "affine": (lambda x, alpha, beta: alpha * x + beta, (None, None)),
    "elu": (functional.elu, (1.0,)),
    "hardsigmoid": (lambda x, alpha, beta: torch.clamp(alpha * x + beta, 0, 1), (0.2, 0.5)),
    "leakyrelu": (functional.leaky_relu, (0.01,)),
    "relu": (torch.relu, ()),
    "scaledtanh": (lambda x, alpha, beta: alpha * torch.tanh(beta * x), (None, None)),
    "sigmoid": (torch.sigmoid, ()),
    "softplus": (lambda x: functional.softplus(x, threshold=float("inf")), ()),
    "softsign": (functional.softsign, ()),
    "tanh": (torch.tanh, ()),
    "thresholdedrelu": (lambda x, alpha: torch.where(x > alpha, x, 0), (1.0,)),
}


def of_all(names: Sequence[str], usual: Sequence[str], direction: str) -> tuple[str, ...]:
    """The names of activations in all directions."""
    return tuple(names) or tuple(usual) * (2 if direction == "bidirectional" else 1)


def activations_of(
    names: Sequence[str],
    each: int,
    alphas: Sequence[float],
    betas: Sequence[float],
    clip: float | None,
) -> list[tuple[Activation, ...]]:
    """The activations of each direction; those that have an alpha or beta take the next one.

    Raises:
        InputError: there is no activation of such a name, or it lacks a number.
    """
    given = iter(alphas), iter(betas)
    made: list[Activation] = []
    for name in names:
        if name.lower() not in _ACTIVATIONS:
            raise InputError(f"has the activation {shown(name)}, which is not computed")
        function, defaults = _ACTIVATIONS[name.lower()]
        numbers = [next(next_, usual) for next_, usual in zip(given, defaults, strict=False)]
        if None in numbers:
            raise InputError(f"has the activation {shown(name)} without its alpha or beta")
        # The last of an LSTM, of the cells and not of a gate, is not clipped, as in onnxruntime.
        bound = None if each == _OF_LSTM and len(made) % each == each - 1 else clip
        made.append(_clipped(function, numbers, bound))
    return [tuple(made[k : k + each]) for k in range(0, len(made), each)]


def _clipped(
    function: Callable[..., Tensor], numbers: Sequence[float | None], clip: float | None
) -> Activation:
    def activation(x: Tensor) -> Tensor:
        return function(x if clip is None else torch.clamp(x, -clip, clip), *numbers)

    return activation
