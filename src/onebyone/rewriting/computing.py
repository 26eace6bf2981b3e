"""How a layer computes by the other operator: ATen's operators, run at once or put into a graph.

Each takes what to do with an operator: `operator.call` for tensors, a `Writer` for a graph's nodes.
Results lie in memory as the old operator's do, for what views them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor

from onebyone.graphs.aten import CONVOLUTIONS, aten, value_of
from onebyone.rewriting.layouts import LAYOUTS
from onebyone.rewriting.moves import Move, transpose
from onebyone.rewriting.relabelling import Relabelling

Write = Callable[..., Any]

LAST = 2**63 - 1  # the end of a slice that has none


def shape_of(x: Any) -> Any:
    """The shape of a tensor, or of a node's value."""
    return x.shape if isinstance(x, Tensor) else value_of(x).shape


def sizes_of(write: Write, x: Any, dims: Iterable[int]) -> list[Any]:
    """The sizes of some dimensions, in a graph as numbers where they are known."""
    shape = shape_of(x)
    if isinstance(x, Tensor):
        return [shape[dim] for dim in dims]
    return [
        shape[dim] if isinstance(shape[dim], int) else write(aten.sym_size.int, x, dim)
        for dim in dims
    ]


def relabelled(write: Write, weight: Any, change: Relabelling) -> Any:
    """A weight as another operator reads it."""
    if not change.keeps_order:
        weight = write(aten.reshape.default, weight, list(change.view))
        weight = write(aten.permute.default, weight, list(change.order))
    return write(aten.reshape.default, weight, list(change.after))


def moved(write: Write, x: Any, move: Move) -> Any:
    """A tensor with its axes moved."""
    for step, axes in move.steps:
        if step == "Squeeze":
            x = write(aten.squeeze.dims, x, list(axes))
        elif step == "Transpose":
            x = write(aten.permute.default, x, list(axes))
        else:
            for axis in axes:
                x = write(aten.unsqueeze.default, x, axis)
    return x


def convolve(write: Write, x: Any, kernel: Any, bias: Any, layout: str) -> Any:
    """[..., C] by a 1×1 convolution (S1, S2): laid as [B, C, *space], convolved, and laid back."""
    chosen, rank = LAYOUTS[layout], len(shape_of(x))
    most = min(chosen.highest, len(shape_of(kernel)))
    y = x if rank <= most else write(aten.flatten.using_ints, x, 1, rank - most + 1)
    move = chosen.move(min(rank, most))
    assert move is not None
    y = write(CONVOLUTIONS[len(shape_of(kernel)) - 3], moved(write, y, move), kernel, bias)
    y = write(aten.contiguous.default, moved(write, y, move.inverse))
    if rank <= most:
        return y
    sizes = sizes_of(write, x, range(rank - 1))
    return write(aten.reshape.default, y, [*sizes, shape_of(kernel)[0]])


def convolve_columns(write: Write, x: Any, kernel: Any, layout: str, groups: int = 1) -> Any:
    """[B, C, S], in which the channels come first already, by a 1×1 convolution."""
    y = moved(write, x, LAYOUTS[layout].columns)
    convolution = CONVOLUTIONS[len(shape_of(kernel)) - 3]
    return write(convolution, y, kernel, None, [1], [0], [1], groups)


def multiply(
    write: Write, x: Any, matrix: Any, bias: Any, stride: Sequence[int], product: Any
) -> Any:
    """[N, C, *space] by [O, C] at every position, or by one block [groups, C, O] for each group.

    A stride is a slice before it (S10); `product` is the operator that multiplies blocks.
    """
    rank = len(shape_of(x))
    channels = rank - len(stride) - 1
    for dim, step in enumerate(stride, channels + 1):
        if step > 1:
            x = write(aten.slice.Tensor, x, dim, 0, LAST, step)
    last = transpose((*range(channels), *range(channels + 1, rank), channels))
    y = moved(write, x, last)
    if len(shape_of(matrix)) == 2:
        y = write(aten.linear.default, y, matrix, bias)
    else:
        groups, inputs, outputs = shape_of(matrix)
        sizes = sizes_of(write, y, range(rank - 1))
        y = write(aten.reshape.default, y, [-1, groups, inputs])
        y = write(aten.permute.default, y, [1, 0, 2])
        y = write(product, y, matrix)
        y = write(aten.permute.default, y, [1, 0, 2])
        y = write(aten.reshape.default, y, [*sizes, groups * outputs])
        y = y if bias is None else write(aten.add.Tensor, y, bias)
    return write(aten.contiguous.default, moved(write, y, last.inverse))
