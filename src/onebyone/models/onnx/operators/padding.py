"""Paddings."""

import torch
from torch import Tensor
from torch.nn import functional

from onebyone.models.onnx.operators.convolutions import padded
from onebyone.models.onnx.operators.parts import taken
from onebyone.models.onnx.table import Ints, operator

_MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}
"""PyTorch's names."""


@operator("Pad")
def pad_by_attributes(
    data: Tensor, *, pads: Ints, mode: str = "constant", value: float = 0.0
) -> Tensor:
    return pad(data, pads, value, mode=mode)


@operator("Pad", since=11)
def pad(
    data: Tensor,
    pads: Ints,
    constant_value: float | None = None,
    axes: Ints | None = None,
    *,
    mode: str = "constant",
) -> Tensor:
    named = range(data.ndim) if axes is None else [axis % data.ndim for axis in axes]
    before, behind = [0] * data.ndim, [0] * data.ndim
    for place, axis in enumerate(named):
        before[axis], behind[axis] = pads[place], pads[len(named) + place]
    if mode == "constant":
        return padded(data, (*before, *behind), constant_value or 0)
    for axis, (less, more) in enumerate(zip(before, behind, strict=True)):
        if less < 0 or more < 0:
            count = data.shape[axis]
            data = taken(data, axis, range(max(0, -less), count - max(0, -more)))
    return _repeated(data, [max(0, n) for n in before], [max(0, n) for n in behind], mode)


def _repeated(data: Tensor, before: list[int], behind: list[int], mode: str) -> Tensor:
    """A tensor padded with its own numbers."""
    if _has_operator(data, before, behind, mode):
        space = range(data.ndim - 1, 1, -1)
        pairs = [p for axis in space for p in (before[axis], behind[axis])]
        return functional.pad(data, pairs, mode=_MODES[mode])
    for axis, (less, more) in enumerate(zip(before, behind, strict=True)):
        if less or more:
            places = _places(data, axis, less, more, mode)
            data = torch.index_select(data, axis, places)
    return data


def _has_operator(data: Tensor, before: list[int], behind: list[int], mode: str) -> bool:
    """Whether PyTorch pads so: floating-point numbers, along space, once."""
    if not data.is_floating_point() or data.ndim not in (3, 4, 5):
        return False
    if not any((*before, *behind)) or any((*before[:2], *behind[:2])):
        return False
    most = [n - 1 if mode == "reflect" else n for n in data.shape[2:]]
    widest = map(max, before[2:], behind[2:])
    return mode == "edge" or all(n <= m for n, m in zip(widest, most, strict=True))


def _places(data: Tensor, axis: int, less: int, more: int, mode: str) -> Tensor:
    """Where the numbers of a padded axis are from."""
    count = data.shape[axis]
    places = torch.arange(-less, count + more, device=data.device)
    if mode == "edge":
        return places.clamp(0, count - 1)
    if mode == "wrap":
        return places.remainder(count)
    last = count - 1
    return last - (places.remainder(max(1, 2 * last)) - last).abs()
