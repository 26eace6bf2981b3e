"""How an image is divided so that what is run at a time fits into the memory.

Less is run at a time first, which computes nothing twice: bands of fewer rows of windows, fewer
windows by themselves. Where one row of windows is too much, the image is divided along its later
axes, into strips, which compute twice what they have in common; at last along the first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from onebyone.errors import InputError
from onebyone.graphs.aten import value_of
from onebyone.windows import memory
from onebyone.windows.axis import Axis
from onebyone.windows.bands import band_windows
from onebyone.windows.cut import share
from onebyone.windows.geometry import Geometry
from onebyone.windows.grid import Grid
from onebyone.windows.lowering import Lowered

# Wider parts compute less twice where they meet; this much fits the machines that people have.
DEFAULT_MEMORY = 2 * 2**30


def divide(
    lowered: Lowered, geometry: Geometry, grid: tuple[int, ...], limit: int | None
) -> tuple[tuple[int, ...], int]:
    """Windows along each axis of a part of the image, and how many times less is run at a time.

    Args:
        lowered: the network.
        geometry: the windows.
        grid: number of windows along each axis.
        limit: bytes that intermediate results of one image may take, as estimated.

    Raises:
        InputError: one window does not fit into the memory asked for.
    """
    most = _estimated(DEFAULT_MEMORY if limit is None else limit)
    shape = list(grid)
    found = undivided(lowered, geometry, shape)
    if bytes_needed(found) <= most:
        return grid, 1
    for k in (*range(len(grid) - 1, 0, -1), 0):
        # Half is left for more than one window at a time, but the first axis gains nothing by it.
        bound = most // 2 if k else most
        while (least := bytes_needed(found, _thriftiest())) > bound and shape[k] > 1:
            # Memory grows more slowly than the windows do, so this never takes too few of them.
            shape[k] = max(1, min(shape[k] - 1, shape[k] * bound // least))
            found = undivided(lowered, geometry, shape)
    if limit is not None and least > most:
        raise InputError(
            f"memory={limit} bytes is too little: one window needs about {least * 3 // 2 + 1} bytes"
        )
    return tuple(shape), next(
        (thrift for thrift in _thrifts() if bytes_needed(found, thrift) <= most), _thriftiest()
    )


def _estimated(limit: int) -> int:
    """The most that estimates may come to: stretches joined from blocks are a third at most."""
    return limit * 2 // 3


def undivided(lowered: Lowered, geometry: Geometry, grid: Sequence[int]) -> Grid:
    """A grid of windows that share what pays, run in one piece."""
    axes = tuple(
        Axis.of_image(h, s, m)
        for h, s, m in zip(geometry.window[1:], geometry.stride, grid, strict=True)
    )
    return Grid.of(lowered, share(lowered, axes).axes)


def bytes_needed(grid: Grid, thrift: int = 1) -> int:
    """An estimate of what intermediate results take, where that many times less runs at a time."""
    grid = replace(grid, thrift=thrift)
    size: int = value_of(grid.lowered.captured.image).element_size()
    return memory.peak_elements(grid.some(0, band_windows(grid))) * size


def _thrifts() -> Iterator[int]:
    return (1 << power for power in range(memory.CACHED.bit_length() + 1))


def _thriftiest() -> int:
    """One window along each axis is run at a time."""
    return 1 << memory.CACHED.bit_length()
