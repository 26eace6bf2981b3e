"""The plan for one image size: pieces of the image, a graph for each, and how they are joined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd, prod

from torch import fx, nn

from onebyone.errors import InputError
from onebyone.graphs.aten import value_of
from onebyone.windows.axis import Axis
from onebyone.windows.bands import band_windows
from onebyone.windows.cut import Sharing, share
from onebyone.windows.emission import emit
from onebyone.windows.grid import Grid
from onebyone.windows.joining import Stretch, joined
from onebyone.windows.levels import module_of
from onebyone.windows.lowering import Lowered
from onebyone.windows.memory import peak_elements

# Larger bands recompute less where they meet; this much fits the machines that people have.
DEFAULT_MEMORY = 2 * 2**30


@dataclass(frozen=True)
class Geometry:
    """Windows of one size at one stride.

    Attributes:
        window: (C, *space).
        stride: pixels from one window to the next along each axis.
        padding: "crop" or "image".
    """

    window: tuple[int, ...]
    stride: tuple[int, ...]
    padding: str

    def grid(self, size: Sequence[int]) -> tuple[int, ...]:
        """Number of windows along each axis of an image."""
        return tuple(
            (n - h) // s + 1 for n, h, s in zip(size, self.window[1:], self.stride, strict=True)
        )


@dataclass(frozen=True)
class Plan:
    """The network at every window of an image of one size.

    Attributes:
        size: of the image, without batch and channels.
        grid: number of windows along each axis.
        module: a plain graph that takes [B, C, *size] and gives each output as [B, ..., *grid].
        sharing: what is shared in the largest piece.
        pieces: number of pieces (bands, or shifts of the image) that are run one by one.
        multiply_adds: operations of all pieces for one image; a multiplication and an addition
            are two.
        crops: the same for running every crop.
    """

    size: tuple[int, ...]
    grid: tuple[int, ...]
    module: fx.GraphModule
    sharing: Sharing
    pieces: int
    multiply_adds: int
    crops: int

    @property
    def ratio(self) -> float:
        """Operations of crops over operations of this plan."""
        return self.crops / self.multiply_adds if self.multiply_adds else 1.0

    def through(self, wrap: Callable[[fx.GraphModule], nn.Module]) -> nn.Module:
        """The module with something else in the place of each piece's graph.

        Args:
            wrap: makes of a graph a module that takes and gives the same.
        """
        if self.pieces == 1:
            return wrap(self.module)
        children = {
            name: wrap(child) if isinstance(child, fx.GraphModule) else child
            for name, child in self.module.named_children()
        }
        return module_of(self.module.graph, **children)


def make_plan(
    lowered: Lowered, geometry: Geometry, size: tuple[int, ...], memory: int | None
) -> Plan:
    """Plan an image size.

    Args:
        lowered: the network.
        geometry: the windows.
        size: of the image.
        memory: bytes that intermediate results of one image may take, as estimated.

    Raises:
        InputError: one row of windows does not fit into the memory asked for.
    """
    grid = geometry.grid(size)
    if geometry.padding == "image":
        stretches = _shifts(lowered, geometry, size, grid)
    else:
        stretches = _bands(geometry, grid, _windows_at_a_time(lowered, geometry, grid, memory))
    cut = geometry.padding == "crop"
    shares: dict[tuple[Axis, ...], Sharing] = {}
    work = 0
    for parts in product(*stretches):
        axes = tuple(part.axis for part in parts)
        if axes not in shares:
            shares[axes] = share(lowered, axes, cut=cut)
        work += sum(shares[axes].multiply_adds.values())
    crops = sum(lowered.multiply_adds.values()) * prod(grid)
    modules = {axes: emit(Grid.of(lowered, sharing.axes)) for axes, sharing in shares.items()}
    module = joined(lowered, stretches, modules)
    largest = max(shares, key=lambda axes: prod(axis.m for axis in axes))
    pieces = prod(len(parts) for parts in stretches)
    return Plan(size, grid, module, shares[largest], pieces, work, crops)


def _shifts(
    lowered: Lowered, geometry: Geometry, size: tuple[int, ...], grid: tuple[int, ...]
) -> list[list[Stretch]]:
    """The image shifted by each residue of the stride modulo the network's own."""
    stretches = []
    for total, h, s, n, m in zip(
        lowered.shared_stride, geometry.window[1:], geometry.stride, size, grid, strict=True
    ):
        count = total // gcd(s, total)
        found = []
        for first in range(min(count, m)):
            shift = first * s % total
            windows = range(first, m, count)
            t = s * count if len(windows) > 1 else 0
            axis = Axis(h, len(windows), t, 1, 0, h, n - shift, first * s - shift)
            found.append(Stretch(axis, shift, n, windows))
        stretches.append(found)
    return stretches


def _windows_at_a_time(
    lowered: Lowered, geometry: Geometry, grid: tuple[int, ...], memory: int | None
) -> tuple[int, ...]:
    """Windows along each axis whose intermediate results fit: fewer rows first, then columns."""
    limit = DEFAULT_MEMORY if memory is None else memory
    shape = list(grid)
    for k in range(len(grid)):
        while (needed := bytes_needed(lowered, geometry, shape)) > limit:
            if shape[k] == 1:
                break
            # Memory grows more slowly than the windows do, so this never takes too few of them.
            shape[k] = max(1, min(shape[k] - 1, int(shape[k] * limit / needed)))
    if memory is not None and needed > limit:
        raise InputError(
            f"memory={memory} bytes is too little: one window needs about {needed} bytes"
        )
    return tuple(shape)


def _bands(
    geometry: Geometry, grid: tuple[int, ...], shape: tuple[int, ...]
) -> list[list[Stretch]]:
    """Bands of so many windows along each axis."""
    stretches = []
    for h, s, m, most in zip(geometry.window[1:], geometry.stride, grid, shape, strict=True):
        # Bands of one size need one graph; the last one may repeat some windows of the one before.
        rows = -(-m // -(-m // most))
        axis = Axis.of_image(h, s, rows)
        starts = [min(first, m - rows) for first in range(0, m, rows)]
        stretches.append(
            [Stretch(axis, a * s, (a + rows - 1) * s + h, range(a, a + rows)) for a in starts]
        )
    return stretches


def bytes_needed(lowered: Lowered, geometry: Geometry, grid: Sequence[int]) -> int:
    """An estimate of what intermediate results take for a grid of windows, run in one piece."""
    axes = tuple(
        Axis.of_image(h, s, m)
        for h, s, m in zip(geometry.window[1:], geometry.stride, grid, strict=True)
    )
    found = Grid.of(lowered, share(lowered, axes).axes)
    size: int = value_of(lowered.captured.image).element_size()
    return peak_elements(found.some(0, band_windows(found))) * size
