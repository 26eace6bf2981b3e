"""Reductions over axes."""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

from onebyone.models.onnx.table import Ints, operator
from onebyone.models.onnx.unsigned import widened

Reduction = Callable[[Tensor, Ints, bool], Tensor]
"""Of a tensor over these dimensions, which stay with one number each or go."""


def _enters(name: str, *, by_input: int = 18) -> Callable[[Reduction], Reduction]:
    """Enter a reduction: its axes are an attribute first, an input from `by_input` on."""

    def enter(function: Reduction) -> Reduction:
        reduced = widened(function)

        @operator(name)
        def of_attribute(data: Tensor, *, axes: Ints = (), keepdims: int = 1) -> Tensor:
            return reduced(data, axes or tuple(range(data.ndim)), bool(keepdims))

        @operator(name, since=by_input)
        def of_input(
            data: Tensor,
            axes: Ints | None = None,
            *,
            keepdims: int = 1,
            noop_with_empty_axes: int = 0,
        ) -> Tensor:
            if not axes and noop_with_empty_axes:
                return reduced(data.unsqueeze(-1), (data.ndim,), False)
            return of_attribute(data, axes=axes or (), keepdims=keepdims)

        return function

    return enter


@_enters("ReduceSum", by_input=13)
def _sum(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    if data.is_floating_point():
        return torch.sum(data, axes, keep)
    return torch.sum(data, axes, keep, dtype=data.dtype)


@_enters("ReduceMean")
def _mean(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    if data.is_floating_point():
        return torch.mean(data, axes, keep)
    count = prod(data.shape[axis] for axis in axes)
    return torch.div(torch.sum(data, axes, keep), count, rounding_mode="trunc").to(data.dtype)


@_enters("ReduceMax")
def _max(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    if 0 in (data.shape[axis] for axis in axes):
        return torch.full_like(_sum(data, axes, keep), _bounds(data.dtype)[0])
    return torch.amax(data, axes, keep)


@_enters("ReduceMin")
def _min(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    if 0 in (data.shape[axis] for axis in axes):
        return torch.full_like(_sum(data, axes, keep), _bounds(data.dtype)[1])
    return torch.amin(data, axes, keep)


@_enters("ReduceProd")
def _prod(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    for axis in sorted((axis % data.ndim for axis in axes), reverse=True):
        data = torch.prod(data, axis, keep, dtype=data.dtype)
    return data


@_enters("ReduceL1")
def _l1(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    return _sum(torch.abs(data), axes, keep)


@_enters("ReduceL2")
def _l2(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    numbers = _precise(data)
    return torch.sqrt(torch.sum(numbers * numbers, axes, keep)).to(data.dtype)


@_enters("ReduceSumSquare")
def _sum_square(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    return _sum(data * data, axes, keep)


@_enters("ReduceLogSum")
def _log_sum(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    return torch.log(torch.sum(_precise(data), axes, keep)).to(data.dtype)


@_enters("ReduceLogSumExp")
def _log_sum_exp(data: Tensor, axes: Ints, keep: bool) -> Tensor:
    return torch.logsumexp(_precise(data), axes, keep).to(data.dtype)


def _precise(data: Tensor) -> Tensor:
    """Numbers in a type that holds what is between; squares leave 16 bits soon."""
    if not data.is_floating_point():
        return data.double()
    return data.float() if data.dtype.itemsize < torch.float32.itemsize else data


def _bounds(dtype: torch.dtype) -> tuple[float, float]:
    """The lowest and the highest number of a type."""
    if dtype.is_floating_point:
        return float("-inf"), float("inf")
    return (0, 1) if dtype is torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
