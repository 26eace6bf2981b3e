"""What classifiers end in: softmax and its kin; and dropout, which does nothing any more."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from onebyone.errors import InputError
from onebyone.models.onnx.table import operator


@operator("Softmax", since=13)
def softmax(input: Tensor, *, axis: int = -1) -> Tensor:
    return torch.softmax(input, axis)


@operator("LogSoftmax", since=13)
def log_softmax(input: Tensor, *, axis: int = -1) -> Tensor:
    return torch.log_softmax(input, axis)


@operator("Hardmax", since=13)
def hardmax(input: Tensor, *, axis: int = -1) -> Tensor:
    first = torch.argmax(input, axis, keepdim=True)
    return torch.zeros_like(input).scatter(axis, first, 1)


@operator("Softmax")
def softmax_of_rows(input: Tensor, *, axis: int = 1) -> Tensor:
    return _of_rows(softmax, input, axis)


@operator("LogSoftmax")
def log_softmax_of_rows(input: Tensor, *, axis: int = 1) -> Tensor:
    return _of_rows(log_softmax, input, axis)


@operator("Hardmax")
def hardmax_of_rows(input: Tensor, *, axis: int = 1) -> Tensor:
    return _of_rows(hardmax, input, axis)


def _of_rows(function: Callable[..., Tensor], input: Tensor, axis: int) -> Tensor:
    """Apply a function to rows of all numbers from an axis on, as the first versions do."""
    axis = axis % input.ndim
    if prod(input.shape[axis + 1 :]) == 1:
        return function(input, axis=axis)
    rows = input.reshape(*input.shape[:axis], prod(input.shape[axis:]))
    return function(rows, axis=-1).reshape(input.shape)


@operator("Dropout")
def dropout(data: Tensor, *, outputs: int, ratio: float = 0.5) -> Tensor | tuple[Tensor, Tensor]:
    return data if outputs == 1 else (data, torch.ones_like(data, dtype=torch.bool))


@operator("Dropout", since=12)
def dropout_of_inputs(
    data: Tensor,
    ratio: float | None = None,
    training_mode: float | None = None,
    *,
    outputs: int,
    seed: int = 0,
) -> Tensor | tuple[Tensor, Tensor]:
    if training_mode and ratio != 0:
        raise InputError("drops numbers by chance, as in training")
    return dropout(data, outputs=outputs)
