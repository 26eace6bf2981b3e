"""How large tiles are, and how many of them fit into the memory at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2, prod
from typing import Any

from onebyone.errors import InputError
from onebyone.scans.positions import Positions
from onebyone.windows.sliding import SlidingModel

_PIXELS = 2**22
"""Of a tile, where windows are small: 2048×2048. Then a tile takes a second or so."""
_HALOS = 24
"""How many times as long as what it reads twice a tile is at least along each axis."""
_MOST_PIXELS = 2**25
_SCORES = 2**26
"""Bytes of a tile's scores."""
_COPIES = 3
"""Of the scores: from the network, as they are kept, and packed."""


@dataclass(frozen=True)
class Fit:
    """What fits into the memory.

    Attributes:
        shape: windows of a tile along each axis, powers of two.
        network: bytes for the network's intermediate results; None for what `slide` takes.
        at_a_time: tiles that are run together; None for any number.
    """

    shape: tuple[int, ...]
    network: int | None
    at_a_time: int | None


def fit(
    sliding: SlidingModel,
    axes: Sequence[Positions],
    *,
    pixel: int,
    numbers: int,
    memory: int | None,
    begun: Mapping[str, Any] | None = None,
) -> Fit:
    """Choose tiles. That does not depend on how many workers there are.

    Args:
        sliding: the network.
        axes: where windows lie.
        pixel: bytes of one, of all channels.
        numbers: scores of a window.
        memory: bytes that the scan may take beside the network; None for what is usual.
        begun: what a map says that was begun: its tiles stay as they are.

    Raises:
        InputError: one window does not fit, or the map's tiles are of another image.
    """
    if begun is None:
        shape = _shape(axes, pixel=pixel, numbers=numbers, memory=memory)
        network = memory and max(memory // 2, 1)
        if sliding.geometry.padding == "image" or memory is None:
            network = sliding.memory
    else:
        shape, network = tuple(begun["tile"]), begun["memory"]
        if len(shape) != len(axes):
            raise InputError(f"the map is damaged: its tiles have {len(shape)} axes")
    if memory is None:
        return Fit(shape, network, None)
    size = [_extent(axis, min(m, axis.count)) for axis, m in zip(axes, shape, strict=True)]
    try:
        taken = sliding.within(network).plan(*size).schedule.bytes
    except InputError as error:
        raise InputError(f"half of it is for the network: {error}", memory=memory) from error
    taken += _bytes(axes, shape, pixel, numbers)
    return Fit(shape, network, max(memory // taken, 1))


def _shape(
    axes: Sequence[Positions], *, pixel: int, numbers: int, memory: int | None
) -> tuple[int, ...]:
    """Windows of a tile: many, as tiles read twice what they have in common; less if need be.

    An image of one or two tiles has tiles of half the side, so that several threads have work.
    """
    usual, most = (round(n ** (1 / len(axes))) for n in (_PIXELS, _MOST_PIXELS))
    shape = []
    for axis in axes:
        twice = max(axis.window - axis.stride, 0)
        pixels = min(max(usual, _HALOS * twice), most)
        usually = _nearest(max((pixels - axis.window) // axis.stride + 1, 1))
        half = max(_enough(-(-axis.count // 2)), usually // 2)
        shape.append(min(usually, half, _enough(axis.count)))
    limit = memory // 4 if memory else _SCORES + _MOST_PIXELS * pixel
    while max(shape) > 1 and (
        prod(shape) * numbers * 4 > _SCORES or _bytes(axes, shape, pixel, numbers) > limit
    ):
        shape[shape.index(max(shape))] //= 2
    return tuple(shape)


def _nearest(n: int) -> int:
    """The power of two that is nearest to a number, as a ratio."""
    return 1 << round(log2(n))


def _enough(n: int) -> int:
    """The smallest power of two that is not below a number."""
    return 1 << (n - 1).bit_length()


def _extent(axis: Positions, windows: int) -> int:
    return (windows - 1) * axis.stride + axis.window


def _bytes(axes: Sequence[Positions], shape: Sequence[int], pixel: int, numbers: int) -> int:
    """Bytes of a tile's pixels and scores."""
    pixels = prod(_extent(axis, m) for axis, m in zip(axes, shape, strict=True))
    return pixels * pixel + _COPIES * 4 * numbers * prod(shape)
