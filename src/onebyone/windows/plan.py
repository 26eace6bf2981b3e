"""The plan for one image size: pieces of the image, a graph for each, and how they are joined."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from math import gcd, prod

from torch import fx, nn

from onebyone.graphs.capture import example_windows
from onebyone.windows.axis import Axis
from onebyone.windows.cut import Sharing, share
from onebyone.windows.division import divide
from onebyone.windows.emission import emit
from onebyone.windows.geometry import Geometry
from onebyone.windows.grid import Grid
from onebyone.windows.joining import Stretch, joined
from onebyone.windows.levels import module_of
from onebyone.windows.lowering import Lowered


@dataclass(frozen=True)
class Plan:
    """The network at every window of an image of one size.

    Attributes:
        size: of the image, without batch and channels.
        grid: number of windows along each axis.
        module: a plain graph that takes [B, C, *size] and gives each output as [B, ..., *grid].
        sharing: what is shared in the largest piece.
        pieces: number of pieces (parts, or shifts of the image) that are run one by one.
        multiply_adds: operations of all pieces for one image; a multiplication and an addition
            are two.
        crops: the same for running every crop.
        thrift: how many times less than usual is run at a time, to stay within the memory.

    Example:
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2)).eval()
        >>> plan = ob.slide(model, window=(1, 8, 8), stride=1).plan(32, 32)
        >>> plan.grid, plan.ratio > 4  # windows along each axis; crops cost four times as much
        ((25, 25), True)
        >>> scores, *_ = plan.module(torch.rand(1, 1, 32, 32))  # a graph of PyTorch's operators
        >>> scores.shape
        torch.Size([1, 2, 25, 25])
    """

    size: tuple[int, ...]
    grid: tuple[int, ...]
    module: fx.GraphModule
    sharing: Sharing
    pieces: int
    multiply_adds: int
    crops: int
    thrift: int = 1

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
        InputError: one window does not fit into the memory asked for.
    """
    lowered = _with_own_tables(lowered)
    grid, thrift = geometry.grid(size), 1
    if geometry.padding == "image":
        stretches = _shifts(lowered, geometry, size, grid)
    else:
        shape, thrift = divide(lowered, geometry, grid, memory)
        stretches = _parts(geometry, grid, shape)
    cut = geometry.padding == "crop"
    shares: dict[tuple[Axis, ...], Sharing] = {}
    work = 0
    for parts in product(*stretches):
        axes = tuple(part.axis for part in parts)
        if axes not in shares:
            shares[axes] = share(lowered, axes, cut=cut)
        work += sum(shares[axes].multiply_adds.values())
    crops = sum(lowered.multiply_adds.values()) * prod(grid)
    modules = {axes: emit(Grid.of(lowered, s.axes, thrift)) for axes, s in shares.items()}
    module = joined(lowered, stretches, modules)
    lowered.captured.constants.to(example_windows(lowered.captured.model, (), 0).device)
    largest = max(shares, key=lambda axes: prod(axis.m for axis in axes))
    pieces = prod(len(parts) for parts in stretches)
    return Plan(size, grid, module, shares[largest], pieces, work, crops, thrift)


def _with_own_tables(lowered: Lowered) -> Lowered:
    """The same network, whose emitted graphs keep their tables in a module of their own."""
    constants = nn.Module()
    for name, value in lowered.captured.constants.named_buffers():
        constants.register_buffer(name, value, persistent=False)
    return replace(lowered, captured=replace(lowered.captured, constants=constants))


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


def _parts(
    geometry: Geometry, grid: tuple[int, ...], shape: tuple[int, ...]
) -> list[list[Stretch]]:
    """Parts of so many windows along each axis."""
    stretches = []
    for h, s, m, most in zip(geometry.window[1:], geometry.stride, grid, shape, strict=True):
        # Parts of one size need one graph; the last one may repeat some windows of the one before.
        rows = -(-m // -(-m // most))
        axis = Axis.of_image(h, s, rows)
        starts = [min(first, m - rows) for first in range(0, m, rows)]
        stretches.append(
            [Stretch(axis, a * s, (a + rows - 1) * s + h, range(a, a + rows)) for a in starts]
        )
    return stretches
