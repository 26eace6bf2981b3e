"""Normalisations, and softmax."""

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.table import operator


@operator("BatchNormalization")
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    input_mean: Tensor,
    input_var: Tensor,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
) -> Tensor:
    return functional.batch_norm(x, input_mean, input_var, scale, bias, eps=epsilon)


@operator("Softmax", since=13)
def softmax(input: Tensor, *, axis: int = -1) -> Tensor:
    return torch.softmax(input, axis)


@operator("Softmax")
def softmax_of_rows(input: Tensor, *, axis: int = 1) -> Tensor:
    rows = input.flatten(axis) if axis else input.reshape(1, -1)
    return torch.softmax(rows, -1).reshape(input.shape)


@operator("Dropout")
def dropout(data: Tensor, *, ratio: float = 0.5) -> Tensor:
    return data


@operator("Dropout", since=12)
def dropout_of_inputs(
    data: Tensor, ratio: Tensor | None = None, training_mode: float | None = None, *, seed: int = 0
) -> Tensor:
    return data
