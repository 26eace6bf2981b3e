"""The oracle for windows: the model itself, run on crops.

It knows nothing of how `slide` works; it cuts every window out of the image and runs the model.
"""

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

BATCH = 16


def grid_of(size: Sequence[int], window: Sequence[int], stride: Sequence[int]) -> tuple[int, ...]:
    """How many windows fit along each axis; `size`, `window` and `stride` are spatial."""
    return tuple((n - w) // s + 1 for n, w, s in zip(size, window, stride, strict=True))


def per_axis(stride: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """A stride as one whole number per axis."""
    return (stride,) * rank if isinstance(stride, int) else tuple(stride)


def cut(x: Tensor, window: Sequence[int], stride: int | Sequence[int]) -> Iterator[Tensor]:
    """Every crop of `x` [B, C, *size], each [B, C, *window], in the order of the grid.

    `window` is (C, *space), as in `onebyone.slide`.
    """
    space = window[1:]
    strides = per_axis(stride, len(space))
    for place in itertools.product(*map(range, grid_of(x.shape[2:], space, strides))):
        corners = zip(place, strides, space, strict=True)
        yield x[(..., *(slice(i * s, i * s + w) for i, s, w in corners))]


def run_crops(
    model: nn.Module,
    x: Tensor,
    window: Sequence[int],
    stride: int | Sequence[int],
    batch: int = BATCH,
) -> Any:
    """The model on every crop of `x` [B, C, *size], `batch` crops to a call.

    Outputs [N, K, ...] become [B, K, ..., *grid], in the model's own structure.
    """
    space = window[1:]
    grid = grid_of(x.shape[2:], space, per_axis(stride, len(space)))
    crops = list(cut(x, window, stride))
    runs = []

    def split(count: int) -> Callable[[Tensor], Tensor]:
        return lambda y: y.unflatten(0, (count, -1))

    for start in range(0, len(crops), batch):
        part = crops[start : start + batch]
        out = model(torch.cat(part))
        runs.append(tree_map(split(len(part)), out))

    def gather(*parts: Tensor) -> Tensor:
        return torch.cat(parts).movedim(0, -1).unflatten(-1, grid)

    return tree_map(gather, runs[0], *runs[1:])


def exact(
    model: nn.Module,
    x: Tensor,
    window: Sequence[int],
    stride: int | Sequence[int],
    batch: int = BATCH,
) -> Any:
    """What every crop gives in float64, arranged as `run_crops` does; the model is copied."""
    with torch.no_grad():
        return run_crops(copy.deepcopy(model).double(), x.double(), window, stride, batch)


@dataclass(frozen=True)
class Figures:
    """How far a result lies from float64 crops, beside float32 crops; largest leaf of each.

    Attributes:
        error: largest absolute difference between the result and the float64 crops.
        crops: the same for crops run in the model's own precision.
        scale: largest absolute value that the float64 crops give.
    """

    error: float
    crops: float
    scale: float

    @property
    def bound(self) -> float:
        """What the contract of exactness allows `error` to be."""
        return 4 * self.crops + 1e-6 * self.scale


def distance(a: Any, b: Any) -> float:
    """The largest absolute difference between two structures of tensors, in float64."""
    pairs = zip(tree_leaves(a), tree_leaves(b), strict=True)
    return max((p.double() - q.double()).abs().max().item() for p, q in pairs)


def measure(
    output: Any,
    model: nn.Module,
    x: Tensor,
    window: Sequence[int],
    stride: int | Sequence[int],
    *,
    batch: int = BATCH,
) -> list[Figures]:
    """The figures of every tensor in `output`, which `slide` gave for `x` [B, C, *size]."""
    with torch.no_grad():
        plain = tree_leaves(run_crops(model, x, window, stride, batch))
    truth = tree_leaves(exact(model, x, window, stride, batch))
    leaves = tree_leaves(output)
    assert [y.shape for y in leaves] == [y.shape for y in truth]
    return [
        Figures(distance(y, t), distance(p, t), t.abs().max().item())
        for y, p, t in zip(leaves, plain, truth, strict=True)
    ]


def assert_contract(
    output: Any,
    model: nn.Module,
    x: Tensor,
    window: Sequence[int],
    stride: int | Sequence[int],
    *,
    batch: int = BATCH,
) -> list[Figures]:
    """Hold `output` to the contract of exactness, and return the figures of each tensor in it.

    The contract: against the same network in float64 run crop by crop, the error is at most four
    times that of the float32 crops plus one part in 10^6 of the output's scale.
    """
    figures = measure(output, model, x, window, stride, batch=batch)
    for each in figures:
        assert each.error <= each.bound, each
    return figures


def assert_equal_crops(
    output: Any,
    model: nn.Module,
    x: Tensor,
    window: Sequence[int],
    stride: int | Sequence[int],
    *,
    rtol: float = 1e-9,
) -> None:
    """Hold a float64 `output` to float64 crops: equal to `rtol` of each tensor's scale."""
    truth = exact(model, x, window, stride)
    assert type(output) is type(truth)
    leaves, wanted = tree_leaves(output), tree_leaves(truth)
    assert [y.shape for y in leaves] == [y.shape for y in wanted]
    for y, t in zip(leaves, wanted, strict=True):
        assert distance(y, t) <= rtol * max(t.abs().max().item(), 1e-3)
