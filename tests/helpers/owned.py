"""Which windows own a position, found from the numbers of crops alone: the oracle of sharing.

Nothing of onebyone is used. A position touches padding if NaN in its place reaches it; two windows
own one value in common if their crops give the same numbers for it.
"""

import copy
from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor, nn

Recorded = dict[str, Tensor]


def record(model: nn.Module, crops: Tensor) -> Recorded:
    """What each layer gives for crops [N, C, *size], by its name, where it has positions."""
    found: Recorded = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda _module, _inputs, output: found.__setitem__(name, output)

    hooks = [
        module.register_forward_hook(keep(name))
        for name, module in model.named_modules()
        if not [*module.children()]
    ]
    with torch.no_grad():
        model(crops)
    for hook in hooks:
        hook.remove()
    return {name: value for name, value in found.items() if value.ndim == crops.ndim}


class Marked(nn.Module):
    """A convolution whose padding along one axis is NaN."""

    def __init__(self, conv: nn.Conv1d | nn.Conv2d | nn.Conv3d, axis: int) -> None:
        super().__init__()
        self.conv = copy.deepcopy(conv)
        padding, self.dim = list(conv.padding), axis - len(conv.padding)
        self.width, padding[axis] = padding[axis], 0
        self.conv.padding = tuple(padding)

    def forward(self, x: Tensor) -> Tensor:
        shape = list(x.shape)
        shape[self.dim] = self.width
        border = x.new_full(shape, torch.nan)
        return self.conv(torch.cat([border, x, border], self.dim))


def touched(model: nn.Sequential, window: tuple[int, ...], axis: int) -> dict[str, list[bool]]:
    """For each layer of convolutions which positions along an axis its padding reaches."""
    marked = nn.Sequential(*(
        Marked(layer, axis) if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) else layer
        for layer in model
    ))  # fmt: skip
    found = record(marked, torch.randn(1, *window, dtype=torch.float64))
    return {
        name.removesuffix(".conv"): value.isnan().movedim(2 + axis, 0).flatten(1).any(1).tolist()
        for name, value in found.items()
    }


def owners(
    model: nn.Module, image: Tensor, window: tuple[int, ...], stride: tuple[int, ...]
) -> dict[str, dict[tuple[int, ...], Tensor]]:
    """For each layer, by window: for each position the windows that have the same numbers.

    Returns:
        By layer and window a boolean tensor [*positions, *grid].
    """
    windows = image
    for axis, (size, step) in enumerate(zip(window[1:], stride, strict=True), 1):
        windows = windows.unfold(axis, size, step)
    rank = len(stride)
    grid = windows.shape[1 : 1 + rank]
    crops = windows.movedim(0, rank).reshape(-1, *window)
    found = {}
    for name, value in record(model, crops).items():
        numbers = value.movedim(1, -1).reshape(len(crops), -1, value.shape[1])
        having: dict[tuple[float, ...], set[int]] = defaultdict(set)
        keys = [list(map(tuple, of_window)) for of_window in numbers.round(decimals=9).tolist()]
        for index, of_window in enumerate(keys):
            for key in of_window:
                having[key].add(index)
        by_window = {}
        for index, of_window in enumerate(keys):
            same = torch.zeros(len(of_window), len(crops), dtype=torch.bool)
            for position, key in enumerate(of_window):
                same[position, [*having[key]]] = True
            place = tuple(int(n) for n in torch.unravel_index(torch.tensor(index), grid))
            by_window[place] = same.reshape(*value.shape[2:], *grid)
        found[name] = by_window
    return found
