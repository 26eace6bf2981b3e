"""The entries of a layer's matrix as structure without values, laid out from S5."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int, Num

from onebyone.errors import InputError
from onebyone.layers.kinds import MEMORY_LIMIT, LayerGeometry

PART = 2**18
"""Entries that are written for all output channels while they are in the processor's cache."""


@dataclass(frozen=True)
class Entries:
    """The stored entries of a layer's matrix in CSR order.

    Channels first, the rows of every output channel have the same pattern, so that the weights
    behind them are kept for one output channel only.

    Attributes:
        indptr: where each row starts, and the end.
        indices: the column of each entry.
        block: the index into a block of weights of each entry of a block of rows.
        blocks: of rows, each with its own block of weights.
        runs: of the entries in a block, (start, times): the same weights so many times.
    """

    indptr: Int[np.ndarray, " rows_and_one"]
    indices: Int[np.ndarray, " entries"]
    block: Int[np.ndarray, " entries_of_a_block"]
    blocks: int
    runs: tuple[tuple[int, int], ...]

    def sharing(self, weights: int) -> Int[np.ndarray, " entries"]:
        """Return the index of each entry into all the flattened weights, `weights` in number.

        Entries with the same index are one weight.
        """
        starts = np.arange(self.blocks) * (weights // self.blocks)
        index: Int[np.ndarray, " entries"] = (starts[:, None] + self.block).ravel()
        return index

    def values(self, weight: Num[np.ndarray, "..."]) -> Num[np.ndarray, " entries"]:
        """Return the weight behind each entry."""
        each = weight.reshape(self.blocks, -1)
        values = np.empty((self.blocks, len(self.block)), dtype=weight.dtype)
        stops = (*(start for start, _ in self.runs[1:]), len(self.block))
        for (start, times), stop in zip(self.runs, stops, strict=True):
            once = self.block[start : start + (stop - start) // times]
            repeated = np.take(each, once, axis=1)[:, None]
            values[:, start:stop].reshape(self.blocks, times, -1)[...] = repeated
        return values.ravel()

    def keys(self, columns: int) -> Int[np.ndarray, " entries"]:
        """Return row·columns + column for every entry, ascending."""
        rows = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))
        keys: Int[np.ndarray, " entries"] = rows * columns + self.indices
        return keys


def index_type(entries: int, columns: int) -> type[np.integer]:
    """Return the smaller integer type that SciPy can index such a matrix with."""
    return np.int32 if max(entries, columns) <= np.iinfo(np.int32).max else np.int64


def require_room(geometry: LayerGeometry, value: int, remedy: str) -> None:
    """Refuse a matrix that would take more than MEMORY_LIMIT bytes, `value` of them for a weight.

    The `remedy` is said in the error.
    """
    index = index_type(geometry.connections, math.prod(geometry.input))
    size = geometry.connections * (np.dtype(index).itemsize + value)
    if size > MEMORY_LIMIT:
        raise InputError(
            f"input={geometry.input}: the matrix of {geometry} has {geometry.connections:,} "
            f"entries and would take {size:,} bytes; {remedy}"
        )


def channels(geometry: LayerGeometry) -> Int[np.ndarray, "O channels_per_group"]:
    """Return the input channels that every output channel reads."""
    outputs = geometry.output[0]
    per_group = geometry.input[0] // geometry.groups
    group = np.arange(outputs) // (outputs // geometry.groups)
    return group[:, None] * per_group + np.arange(per_group)


def positions(geometry: LayerGeometry) -> tuple[Int[np.ndarray, "..."], Bool[np.ndarray, "..."]]:
    """Return the flat input position behind each [*space', *kernel], and whether it is inside."""
    rank = len(geometry.axes)
    position = np.zeros((1,) * 2 * rank, dtype=np.int64)
    inside = np.ones((1,) * 2 * rank, dtype=bool)
    for a, axis in enumerate(geometry.axes):
        reads = np.expand_dims(axis.reads(), tuple(i for i in range(2 * rank) if i % rank != a))
        position = position * axis.size + reads
        inside = inside & (reads >= 0)
    return position, inside


def entries(geometry: LayerGeometry, order: str = "channels_first") -> Entries:
    """Return the entries of a layer, rows in order, columns ascending."""
    columns = math.prod(geometry.input)
    index = index_type(geometry.connections, columns)
    if order == "channels_last":
        per_row, column, weight = _lay_out(geometry, order, index)
        return Entries(_starts(per_row, index), column, weight, 1, ((0, 1),))
    outputs, groups = geometry.output[0], geometry.groups
    one = replace(
        geometry,
        input=(geometry.input[0] // groups, *geometry.input[1:]),
        output=(1, *geometry.output[1:]),
        groups=1,
    )
    per_row, column, weight = _lay_out(one, order, index)
    first = np.repeat(np.arange(groups) * (columns // groups), outputs // groups).astype(index)
    indices = np.empty((outputs, len(column)), dtype=index)
    for start in range(0, len(column), PART):
        part = slice(start, start + PART)
        np.add(first[:, None], column[part], out=indices[:, part])
    starts = _starts(np.tile(per_row, outputs), index)
    return Entries(starts, indices.ravel(), weight, outputs, _runs(geometry, starts))


def _runs(
    geometry: LayerGeometry, starts: Int[np.ndarray, " rows_and_one"]
) -> tuple[tuple[int, int], ...]:
    """Return the runs of positions on the first axis that read inside with the same taps."""
    if not (geometry.shared and geometry.axes):
        return ((0, 1),)
    taps = geometry.axes[0].reads() >= 0
    first = np.flatnonzero(np.append(True, (taps[1:] != taps[:-1]).any(axis=1)))
    lengths = np.diff(np.append(first, len(taps)))
    line = math.prod(geometry.output[2:])
    return tuple((int(starts[row * line]), int(n)) for row, n in zip(first, lengths, strict=True))


def _starts(
    per_row: Int[np.ndarray, " rows"], index: type[np.integer]
) -> Int[np.ndarray, " rows_and_one"]:
    return np.concatenate([[0], np.cumsum(per_row)]).astype(index)


def _lay_out(
    geometry: LayerGeometry, order: str, index: type[np.integer]
) -> tuple[Int[np.ndarray, " rows"], Int[np.ndarray, " entries"], Int[np.ndarray, " entries"]]:
    """Return the entries in each row, and of each entry the column and the weight.

    They are laid out on [O, *space', C/groups, *kernel], without the taps in the padding.
    """
    rank = len(geometry.axes)
    position, inside = positions(geometry)
    space = math.prod(geometry.input[1:])
    position = position.astype(index)
    channel = np.expand_dims(
        channels(geometry).astype(index), (*range(1, 1 + rank), *range(2 + rank, 2 + 2 * rank))
    )
    # [1, *space', 1, *kernel], to meet the channels' [O, *1, C/groups, *1]
    position, inside = (np.expand_dims(array, (0, 1 + rank)) for array in (position, inside))
    layout = np.broadcast_shapes(position.shape, channel.shape)
    columns = channel * space + position
    axes = tuple(range(2 + 2 * rank))
    if order == "channels_last":
        columns = position * geometry.input[0] + channel
        axes = (*range(1, 1 + rank), 0, *range(2 + rank, 2 + 2 * rank), 1 + rank)
    count = math.prod(geometry.weight_shape)
    weights = np.arange(count, dtype=index_type(count, 0)).reshape(geometry.weight_shape)
    columns, weights, stored = (
        np.broadcast_to(array, layout).transpose(axes) for array in (columns, weights, inside)
    )
    per_row = stored.reshape(math.prod(geometry.output), -1).sum(axis=1)
    return per_row, columns[stored], weights[stored]
