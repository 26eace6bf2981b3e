"""Numbers read and written at places that other tensors say."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from onebyone.models.onnx.operators.parts import taken
from onebyone.models.onnx.table import operator

_REDUCTIONS = {"add": "sum", "mul": "prod", "min": "amin", "max": "amax"}


@operator("Gather")
def gather(data: Tensor, indices: Tensor | int | range, *, axis: int = 0) -> Tensor:
    axis = axis % data.ndim
    if isinstance(indices, int):
        return data.select(axis, indices)
    if isinstance(indices, range):
        count = data.shape[axis]
        _check(indices, count)
        first = indices.start + (count if indices.start < 0 else 0)
        places = range(first, first + indices.step * len(indices), indices.step)
        return taken(data, axis, places)
    places_of = _from_start(indices, data.shape[axis])
    found = torch.index_select(data, axis, places_of.reshape(-1))
    return found.reshape((*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]))


def _check(indices: range, count: int) -> None:
    """A slice would leave out what is not there."""
    for place in (indices[0], indices[-1]):
        if not -count <= place < count:
            raise IndexError(f"the index {place} is not among {count}")


@operator("GatherElements")
def gather_elements(data: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    return torch.gather(data, axis, _from_start(indices, data.shape[axis]))


@operator("GatherND")
def gather_nd(data: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    batch, depth = data.shape[:batch_dims], indices.shape[-1]
    sizes, behind = data.shape[batch_dims : batch_dims + depth], data.shape[batch_dims + depth :]
    firsts = torch.arange(prod(batch), device=data.device) * prod(sizes)
    firsts = firsts.reshape((*batch, *(1,) * (indices.ndim - 1 - batch_dims)))
    rows = data.reshape(prod(batch) * prod(sizes), *behind)
    found = torch.index_select(rows, 0, (_numbers(indices, sizes) + firsts).reshape(-1))
    return found.reshape((*indices.shape[:-1], *behind))


@operator("Scatter")
def scatter(data: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0) -> Tensor:
    return scatter_elements(data, indices, updates, axis=axis)


@operator("ScatterElements")
def scatter_elements(
    data: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    places = _from_start(indices, data.shape[axis])
    return _scattered(data, axis, places, updates, reduction)


@operator("ScatterND")
def scatter_nd(
    data: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none"
) -> Tensor:
    depth = indices.shape[-1]
    sizes, behind = data.shape[:depth], data.shape[depth:]
    rows = data.reshape(prod(sizes), prod(behind))
    places = _numbers(indices, sizes).reshape(-1, 1).expand(-1, prod(behind))
    found = _scattered(rows, 0, places, updates.reshape(places.shape), reduction)
    return found.reshape(data.shape)


def _numbers(indices: Tensor, sizes: Sequence[int]) -> Tensor:
    """The number of each place, whose index along each axis is along the last one."""
    numbers = torch.zeros_like(indices.select(-1, 0), dtype=torch.int64)
    for k, size in enumerate(sizes):
        numbers = numbers * size + _from_start(indices.select(-1, k), size)
    return numbers


def _scattered(data: Tensor, axis: int, places: Tensor, updates: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return torch.scatter(data, axis, places, updates)
    return torch.scatter_reduce(data, axis, places, updates, _REDUCTIONS[reduction])


def _from_start(indices: Tensor, count: int) -> Tensor:
    """Indices of which negative ones count from the end, as ones that count from the start."""
    indices = indices.long()
    return torch.where(indices < 0, indices + count, indices)


@operator("ReverseSequence")
def reverse_sequence(
    input: Tensor, sequence_lens: Tensor, *, batch_axis: int = 1, time_axis: int = 0
) -> Tensor:
    steps = torch.arange(input.shape[time_axis], device=input.device).unsqueeze(batch_axis)
    lengths = sequence_lens.unsqueeze(time_axis)
    places = torch.where(steps < lengths, lengths - 1 - steps, steps)
    places = places.reshape(*places.shape, *(1,) * (input.ndim - 2))
    return torch.gather(input, time_axis, places.expand(input.shape))
