"""How far a result is from real crops."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

from onebyone.errors import NotExact
from onebyone.graphs.aten import value_of
from onebyone.graphs.value import Value
from onebyone.windows.geometry import Geometry


@dataclass(frozen=True)
class Deviation:
    """How far a result is from real crops, over some windows.

    Attributes:
        windows: how many were compared.
        absolute: the largest difference.
        scale: the largest absolute value that the crops gave.
        agreement: share of the windows whose largest output is the same (first output, first
            dimension).

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2)).eval()
        >>> found = ob.slide(model, window=(1, 8, 8)).deviation(torch.rand(1, 1, 32, 32), windows=9)
        >>> found.windows, found.relative < 1e-5
        (9, True)
    """

    windows: int
    absolute: float
    scale: float
    agreement: float

    @property
    def relative(self) -> float:
        """The largest difference over the output's scale."""
        return self.absolute / self.scale if self.scale else self.absolute

    def __str__(self) -> str:
        return (
            f"{self.absolute:.3g} at most, {self.relative:.2%} of the largest output, over "
            f"{self.windows} windows; {self.agreement:.1%} have the same top class"
        )


def deviation(
    network: Callable[[Tensor], Any],
    geometry: Geometry,
    images: Tensor,
    leaves: Sequence[Any],
    windows: int,
) -> Deviation:
    """Compare a result with the network on real crops of the first image, at random windows.

    Args:
        network: gives the outputs for crops of the images.
        geometry: of the windows.
        images: [B, C, *size].
        leaves: the outputs, [B, ..., *grid] each.
        windows: how many.
    """
    grid = geometry.grid(images.shape[2:])
    generator = torch.Generator().manual_seed(prod(grid))
    drawn = torch.randperm(prod(grid), generator=generator, device="cpu")
    places = drawn[:windows].tolist()
    absolute = scale = 0.0
    agreed = 0
    for place in places:
        index = _unravel(place, grid)
        crop = window_at(images[:1], geometry, index)
        # A copy: networks may change their input.
        crop = crop.clone(memory_format=torch.contiguous_format)
        outputs = pytree.tree_leaves(network(crop))
        pairs = [
            (got[(0, ..., *index)], want[0])
            for got, want in zip(leaves, outputs, strict=True)
            if isinstance(want, Tensor)
        ]
        for got, want in pairs:
            absolute = max(absolute, _difference(got, want))
            scale = max(scale, _largest(want[want.isfinite()].to(_wide(want)).abs()))
        agreed += all(_top(got) == _top(want) for got, want in pairs[:1])
    return Deviation(len(places), absolute, scale, agreed / len(places))


def have_values(leaves: Iterable[Any]) -> bool:
    """Whether results have numbers to look at: traced, mapped and "meta" ones have none."""
    batched = torch._C._functorch.is_batchedtensor
    return not torch.compiler.is_compiling() and not any(
        leaf.is_meta or batched(leaf) for leaf in leaves if isinstance(leaf, Tensor)
    )


def require_exact(found: Deviation, dtypes: Iterable[torch.dtype]) -> None:
    """Refuse a result that is farther from real crops than rounding takes it.

    Args:
        found: how far it is.
        dtypes: what the network computes in; the coarsest decides.

    Raises:
        NotExact: it is.
    """
    # Half of the digits: rounding stays far below, anything wrong is far above.
    numbers = [t for t in dtypes if t.is_floating_point or t.is_complex]
    tolerance = max(torch.finfo(t).eps for t in numbers) ** 0.5
    if not found.relative <= tolerance:
        raise NotExact(
            f"windows differ from real crops by {found.relative:.1e} of the output's scale "
            f"(at most {tolerance:.1e} is rounding): the network computes something else than "
            f"when it was captured; make a new sliding model"
        )


def types_within(
    like: Tensor, nodes: Iterable[fx.Node], leaves: Iterable[Any]
) -> Iterator[torch.dtype]:
    """What a network computes in: as it is now, as autocast has it, and as captured.

    Args:
        like: a tensor of its type, on its device.
        nodes: of the captured graph.
        leaves: the outputs.
    """
    yield like.dtype
    device = like.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        yield torch.get_autocast_dtype(device)
    values = (*map(value_of, nodes), *leaves)
    yield from (y.dtype for y in values if isinstance(y, Tensor | Value))


def _unravel(place: int, grid: Sequence[int]) -> tuple[int, ...]:
    index: list[int] = []
    for m in reversed(grid):
        place, i = divmod(place, m)
        index.insert(0, i)
    return tuple(index)


def window_at(images: Tensor, geometry: Geometry, index: Sequence[int]) -> Tensor:
    """The window at an index of the grid, as a view [B, C, *window] of images."""
    for k, (i, s, h) in enumerate(zip(index, geometry.stride, geometry.window[1:], strict=True)):
        images = images.narrow(2 + k, i * s, h)
    return images


def _difference(got: Tensor, want: Tensor) -> float:
    """The largest difference; infinity or NaN differs infinitely from all but itself."""
    got, want = got.to(_wide(got)), want.to(_wide(want))
    same = (got == want) | (got.isnan() & want.isnan())
    found = (got - want).abs()[~same]
    return _largest(found.nan_to_num(nan=torch.inf, posinf=torch.inf))


def _wide(values: Tensor) -> torch.dtype:
    return torch.complex128 if values.is_complex() else torch.float64


def _largest(values: Tensor) -> float:
    return float(values.max()) if values.numel() else 0.0


def _top(output: Tensor) -> int:
    """The class with the largest value; of maps, at their first place."""
    scores = output.flatten(1)[:, :1] if output.ndim > 1 else output
    scores = scores.abs() if output.is_complex() else scores
    return int(scores.double().argmax()) if scores.numel() else 0
