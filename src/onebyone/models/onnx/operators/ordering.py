"""Order along an axis: largest numbers, running sums, triangles."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.operators.parts import taken
from onebyone.models.onnx.table import Ints, operator
from onebyone.models.onnx.unsigned import wide, widened


@operator("TopK")
def top_k_by_attribute(x: Tensor, *, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    return top_k(x, (k,), axis=axis)


@operator("TopK", since=10)
def top_k(
    x: Tensor, k: Ints, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> tuple[Tensor, Tensor]:
    # Not torch.topk: of equal numbers the first ones come first.
    values, places = torch.sort(wide(x), dim=axis, descending=bool(largest), stable=True)
    first = range(min(k[0], x.shape[axis]))
    return taken(values, axis, first).to(x.dtype), taken(places, axis, first)


def _enter_arg(name: str, function: Callable[..., Tensor]) -> None:
    @operator(name)
    def compute(
        data: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Tensor:
        data = wide(data)
        if not select_last_index:
            return function(data, axis, bool(keepdims))
        return data.shape[axis] - 1 - function(data.flip(axis), axis, bool(keepdims))


_enter_arg("ArgMax", torch.argmax)
_enter_arg("ArgMin", torch.argmin)


def _enter_running(name: str, function: Callable[..., Tensor], start: float) -> None:
    @operator(name)
    @widened
    def compute(x: Tensor, axis: float, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
        place = int(axis) % x.ndim
        x = x.flip(place) if reverse else x
        if exclusive:
            kept: Any = taken(x, place, range(x.shape[place] - 1))
            x = functional.pad(kept, (0, 0) * (x.ndim - 1 - place) + (1, 0), value=start)
        found = function(x, place, dtype=x.dtype)
        return found.flip(place) if reverse else found


_enter_running("CumSum", torch.cumsum, 0)
_enter_running("CumProd", torch.cumprod, 1)


@operator("Trilu")
def trilu(input: Tensor, k: float | None = None, *, upper: int = 1) -> Tensor:
    return (torch.triu if upper else torch.tril)(input, int(k or 0))
