"""Where a graph multiplies by a constant matrix, and how the other operator is written there."""

import operator
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx
from torch.fx.experimental.symbolic_shapes import statically_known_true

from onebyone.graphs.aten import (
    EVERY_CONVOLUTION,
    PRODUCTS,
    TRANSPOSED,
    VIEWS,
    arguments,
    aten,
    is_call,
    per_axis,
    value_of,
)
from onebyone.rewriting.computing import (
    Write,
    convolve,
    convolve_columns,
    multiply,
    shape_of,
    sizes_of,
)
from onebyone.rewriting.layouts import LAYOUTS
from onebyone.rewriting.left import Left, not_pointwise
from onebyone.rewriting.relabelling import Relabelling, matrices

TURNS = (
    aten.t.default, aten.numpy_T.default, aten.mT.default, aten.permute.default,
    aten.transpose.int,
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """An operator that multiplies by a constant matrix.

    Attributes:
        node: whose value is to stay: the operator, or a view of its result.
        weight: the constant's placeholder.
        reader: the operator.
        relabelling: of the weight.
        emit: writes the new operator, given the weight as it reads it.
    """

    node: fx.Node
    weight: fx.Node
    reader: fx.Node
    relabelling: Relabelling
    emit: Callable[[Write, fx.Node], Any]


def read_site(node: fx.Node, to: str, layout: str, weights: Collection[fx.Node]) -> Site | None:
    """Read a node as a site; None where it multiplies by none of the placeholders of weights.

    Raises:
        Left: it multiplies by a constant, and must stay as it is.
    """
    if to == "linear":
        return _read_convolution(node, weights)
    if is_call(node, aten.bmm.default, aten.matmul.default):
        x, weight = (arguments(node)[name] for name in PRODUCTS[node.target])
        if weight in weights and value_of(x).ndim == value_of(weight).ndim == 3:
            return _batched(node, x, weight, layout)
    return _read_product(node, layout, weights)


def _read_product(node: fx.Node, layout: str, weights: Collection[fx.Node]) -> Site | None:
    if not is_call(node, *PRODUCTS):
        return None
    bound = arguments(node)
    x, operand = (bound[name] for name in PRODUCTS[node.target])
    weight, turned = _constant(operand, weights)
    if weight is None:
        left, turned = _constant(x, weights)
        return None if left is None else _read_left(node, operand, left, turned, layout)
    shape = tuple(value_of(weight).shape)
    if len(shape) != 2:
        raise Left("its constant is no matrix, and is not multiplied by one for each", shape)
    bias = bound["bias" if "bias" in bound else "self"] if node.target in _BIASED else None
    if node.target is aten.addmm.default:
        if (bound["beta"], bound["alpha"]) != (1, 1):
            raise Left("it scales its product or its bias (alpha, beta)", shape)
        if value_of(bound["self"]).ndim != 1:
            raise Left("its bias is another one for each row", shape)
    # A linear layer reads [O, C], a product [C, O].
    change = _kernel(shape, (node.target is aten.linear.default) is turned, layout)
    place, x = _unflattened(node, x)
    return Site(place, weight, node, change, lambda write, k: convolve(write, x, k, bias, layout))


def _kernel(shape: tuple[int, ...], transposed: bool, layout: str) -> Relabelling:
    """A matrix as a convolution reads it, [O, C] and ones."""
    return matrices(shape, (1, *shape), transposed, LAYOUTS[layout].kernel)


def _read_left(node: fx.Node, x: Any, weight: fx.Node, turned: bool, layout: str) -> Site:
    """A constant matrix times [..., C, S], in which the channels come first already."""
    shape, ndim = tuple(shape_of(weight)), len(shape_of(x))
    if node.target not in (aten.mm.default, aten.matmul.default):
        raise Left("its constant is on the left, and of no plain product", shape)
    if len(shape) != 2 or ndim < 2:
        raise Left("its constant is on the left, and not a matrix times matrices", shape)

    def emit(write: Write, kernel: fx.Node) -> None:
        y = write(aten.unsqueeze.default, x, 0) if ndim == 2 else x
        if ndim > 3:
            y = write(aten.flatten.using_ints, y, 0, ndim - 3)
        y = write(aten.contiguous.default, convolve_columns(write, y, kernel, layout))
        *batch, positions = sizes_of(write, x, [*range(ndim - 2), ndim - 1])
        write(aten.reshape.default, y, [*batch, shape_of(kernel)[0], positions])

    return Site(node, weight, node, _kernel(shape, turned, layout), emit)


_BIASED = (aten.linear.default, aten.addmm.default)


def _constant(operand: Any, weights: Collection[fx.Node]) -> tuple[fx.Node | None, bool]:
    """The constant that an operand is, and whether rows and columns are exchanged."""
    if operand in weights:
        return operand, False
    if not is_call(operand, *TURNS) or value_of(operand).ndim != 2:
        return None, False
    weight, turned = _constant(operand.args[0], weights)
    like = operator.call(operand.target, torch.empty(2, 3, device="meta"), *operand.args[1:])
    return weight, turned is not (like.shape == (3, 2))


def readers(weight: fx.Node) -> list[fx.Node]:
    """The operators that read a constant, also where rows and columns are exchanged before."""
    return [
        reader
        for user in weight.users
        for reader in (readers(user) if is_call(user, *TURNS) else [user])
    ]


def _unflattened(node: fx.Node, x: Any) -> tuple[fx.Node, Any]:
    """What a flattening to rows before a product, and its reverse behind it, work on."""
    outer = next(iter(node.users)) if len(node.users) == 1 else node
    if not (is_call(x, *VIEWS) and is_call(outer, *VIEWS) and value_of(node).ndim == 2):
        return node, x
    before, after = value_of(x.args[0]).shape, value_of(outer).shape
    same = len(before) == len(after) and all(
        statically_known_true(a == b) for a, b in zip(before[:-1], after[:-1], strict=True)
    )
    ends = before[-1] == value_of(x).shape[-1] and after[-1] == value_of(node).shape[-1]
    return (outer, x.args[0]) if same and ends else (node, x)


def _batched(node: fx.Node, x: fx.Node, weight: fx.Node, layout: str) -> Site:
    """One product for each of several matrices: a grouped convolution."""
    groups, inputs, outputs = shape = tuple(shape_of(weight))

    def emit(write: Write, kernel: fx.Node) -> None:
        (rows,) = sizes_of(write, x, [1])
        y = write(aten.permute.default, x, [0, 2, 1])
        y = write(aten.reshape.default, y, [1, groups * inputs, rows])
        y = convolve_columns(write, y, kernel, layout, groups)
        y = write(aten.reshape.default, y, [groups, outputs, rows])
        y = write(aten.permute.default, y, [0, 2, 1])
        write(aten.contiguous.default, y)

    return Site(node, weight, node, matrices(shape, shape, True, LAYOUTS[layout].kernel), emit)


def _read_convolution(node: fx.Node, weights: Collection[fx.Node]) -> Site | None:
    if not is_call(node, *EVERY_CONVOLUTION) or arguments(node)["weight"] not in weights:
        return None
    bound = arguments(node)
    x, weight, bias, groups = (bound[name] for name in ("input", "weight", "bias", "groups"))
    transposed = node.target in TRANSPOSED or bound.get("transposed", False)
    shape = tuple(value_of(weight).shape)
    stride = per_axis(bound["stride"], len(shape) - 2, 1)
    padded = not isinstance(bound["padding"], str) and any(per_axis(bound["padding"], 1, 0))
    spread = (transposed and max(stride) > 1) or any(per_axis(bound.get("output_padding"), 1, 0))
    if reason := not_pointwise(shape[2:], padded, spread):
        raise Left(reason, shape)
    blocks = (groups, shape[0] // groups, shape[1])
    # A linear layer reads [O, C], a batched product [groups, C, O].
    change = matrices(shape, blocks, transposed is (groups == 1))

    def emit(write: Write, matrix: fx.Node) -> None:
        multiply(write, x, matrix, bias, stride, aten.bmm.default)

    return Site(node, weight, node, change, emit)
