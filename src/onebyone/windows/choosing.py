"""Choosing the schedule of an image size: once, and all that depends on it is written from it.

What is run at a time has to fit into the memory. Less is run at a time first, which computes
nothing twice: bands of fewer rows of windows, fewer windows by themselves. Where one row of windows
is too much, the image is divided along its later axes, into strips, which compute twice what they
have in common; at last along the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import gcd

from onebyone.errors import InputError
from onebyone.graphs.aten import value_of
from onebyone.windows.bands import band_windows
from onebyone.windows.cut import Sharing, cheapest, share
from onebyone.windows.geometry import Geometry
from onebyone.windows.grid import Grid
from onebyone.windows.lowering import Lowered
from onebyone.windows.memory import at_a_time, peak_elements
from onebyone.windows.schedule import Bands, Loop, Pieces, Schedule, Shifts, first_piece


def choose(
    lowered: Lowered, geometry: Geometry, size: tuple[int, ...], memory: int | None
) -> Schedule:
    """Choose what is run for an image of one size.

    Args:
        lowered: the network.
        geometry: the windows.
        size: of the image.
        memory: bytes that intermediate results of one image may take, as estimated.

    Raises:
        InputError: one window does not fit into the memory asked for.
    """
    windows = geometry.grid(size)
    limit = lowered.target.memory if memory is None else memory
    pieces, sharing = undivided(lowered, geometry, size)
    grid = Grid.of(lowered, sharing.axes)
    taken = whole = _bytes(grid)
    if geometry.padding == "crop" and whole > _most(limit):
        shape, thrift = _divided(lowered, geometry, grid, limit, asked=memory is not None)
        if shape != windows:
            pieces = _pieces(geometry, windows, shape)
            sharing = cheapest(lowered, first_piece(pieces))
        grid = Grid.of(lowered, sharing.axes, thrift)
        taken = _bytes(grid)
    return Schedule(
        size, windows, pieces, _loops(grid), sharing.ended, grid.thrift, taken, whole, limit
    )


def undivided(
    lowered: Lowered, geometry: Geometry, size: tuple[int, ...]
) -> tuple[tuple[Pieces, ...] | tuple[Shifts, ...], Sharing]:
    """The image as one piece, or its shifts, and what windows share in the first.

    Args:
        lowered: the network.
        geometry: the windows.
        size: of the image.
    """
    windows = geometry.grid(size)
    if geometry.padding == "image":
        shifts = _shifts(lowered, geometry, size, windows)
        return shifts, share(lowered, first_piece(shifts))
    pieces = _pieces(geometry, windows, windows)
    return pieces, cheapest(lowered, first_piece(pieces))


def _most(limit: int) -> int:
    """Bytes that estimates may reach: stretches joined from blocks are a third at most, beside."""
    return limit * 2 // 3


def _pieces(geometry: Geometry, windows: Sequence[int], shape: Sequence[int]) -> tuple[Pieces, ...]:
    """Parts of nearly so many windows along each axis, all of one size."""
    space = zip(windows, shape, geometry.window[1:], geometry.stride, strict=True)
    return tuple(
        Pieces(k, m, _nearly(m, most), window, stride)
        for k, (m, most, window, stride) in enumerate(space)
    )


def _shifts(
    lowered: Lowered, geometry: Geometry, size: Sequence[int], windows: Sequence[int]
) -> tuple[Pieces, ...]:
    """The image shifted by each residue of the stride modulo the network's own."""
    space = zip(
        lowered.shared_stride, windows, geometry.window[1:], geometry.stride, size, strict=True
    )
    return tuple(
        Shifts(k, m, -(-m // step), window, stride, own, n, step)
        for k, (own, m, window, stride, n) in enumerate(space)
        for step in [own // gcd(stride, own)]
    )


def _loops(grid: Grid) -> tuple[Loop, ...]:
    """The loops within a piece: bands, and for each axis the windows by themselves."""
    band = band_windows(grid)
    loops: list[Loop] = [Bands(0, grid.windows[0], band)]
    grid = grid.some(0, band)
    for k, windows in enumerate(grid.windows):
        loop = Loop(k, windows, _nearly(windows, at_a_time(grid, k)))
        loops.append(loop)
        grid = grid.some(k, loop.most)
    return tuple(loops)


def _nearly(windows: int, most: int) -> int:
    """The windows of a turn, at most so many, where all turns have nearly as many."""
    return -(-windows // -(-windows // most))


def _divided(
    lowered: Lowered, geometry: Geometry, found: Grid, limit: int, *, asked: bool
) -> tuple[tuple[int, ...], int]:
    """Windows along each axis of a part of the image, and how many times less runs at a time."""
    most, windows = _most(limit), list(found.windows)
    for k in (*range(len(windows) - 1, 0, -1), 0):
        # Half is left for more than one window at a time, but the first axis gains nothing by it.
        bound = most // 2 if k else most
        while (least := _bytes(found, _thriftiest(lowered))) > bound and windows[k] > 1:
            # Memory grows more slowly than the windows do, so this never takes too few of them.
            windows[k] = max(1, min(windows[k] - 1, windows[k] * bound // least))
            image = first_piece(_pieces(geometry, windows, windows))
            found = Grid.of(lowered, cheapest(lowered, image).axes)
    if asked and least > most:
        raise InputError(
            f"memory={limit} bytes is too little: one window needs about {least * 3 // 2 + 1} bytes"
        )
    fitting = (thrift for thrift in _thrifts(lowered) if _bytes(found, thrift) <= most)
    return tuple(windows), next(fitting, _thriftiest(lowered))


def _bytes(grid: Grid, thrift: int | None = None) -> int:
    """An estimate of what intermediate results take, where that many times less runs at a time."""
    grid = grid if thrift is None else replace(grid, thrift=thrift)
    size: int = value_of(grid.lowered.captured.image).dtype.itemsize
    return peak_elements(grid, _loops(grid)) * size


def _thrifts(lowered: Lowered) -> Iterator[int]:
    return (1 << power for power in range(lowered.target.cached.bit_length() + 1))


def _thriftiest(lowered: Lowered) -> int:
    """One window along each axis is run at a time."""
    return 1 << lowered.target.cached.bit_length()
