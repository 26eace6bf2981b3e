"""Where a graph multiplies by a constant matrix, and how the other operator is written there."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import prod
from typing import Any

from torch import fx
from torch.fx.experimental.symbolic_shapes import statically_known_true

from onebyone.graphs.aten import arguments, aten, is_call, per_axis, value_of
from onebyone.rewriting.forms import Relabelling, operator_name
from onebyone.rewriting.modules import BETWEEN, BORDERS, KERNELS, wide
from onebyone.rewriting.writer import Writer

CONVOLUTIONS = (aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
PADDED_BY_NAME = (aten.conv1d.padding, aten.conv2d.padding, aten.conv3d.padding)
TRANSPOSED = (
    aten.conv_transpose1d.default, aten.conv_transpose2d.input, aten.conv_transpose3d.input,
)  # fmt: skip
TURNS = (
    aten.t.default, aten.numpy_T.default, aten.mT.default, aten.permute.default,
    aten.transpose.int,
)  # fmt: skip
VIEWS = (aten.view.default, aten.reshape.default, aten._unsafe_view.default)
LAST = 2**63 - 1  # the end of a slice that has none


class Left(Exception):
    """Why an operator that could be meant stays as it is; `shape` is that of its weight."""

    def __init__(self, reason: str, weight: fx.Node) -> None:
        super().__init__(reason)
        self.shape = tuple(value_of(weight).shape)


@dataclass(frozen=True)
class Site:
    """An operator that multiplies by a constant matrix.

    Attributes:
        node: whose value is to stay: the operator, or a view of its result.
        weight: the constant's placeholder.
        reader: the operator.
        view: how the new operator reads the weight.
        operator: the new one, and its weight's shape.
        emit: writes it, given the weight as the new operator reads it.
    """

    node: fx.Node
    weight: fx.Node
    reader: fx.Node
    view: Relabelling
    operator: str
    emit: Callable[[Writer, fx.Node], None]


def read_site(node: fx.Node, to: str, layout: str, weights: Collection[fx.Node]) -> Site | None:
    """Read a node as a site; None where it multiplies by no constant.

    Args:
        node: any node.
        to: "convolution" or "linear".
        layout: of new convolutions.
        weights: the placeholders of constants.

    Raises:
        Left: it multiplies by a constant, and must stay as it is.
    """
    if to == "linear":
        return _read_convolution(node, weights)
    if is_call(node, aten.bmm.default, aten.matmul.default):
        batched = arguments(node)
        pair = batched["self"], batched["mat2" if "mat2" in batched else "other"]
        if pair[1] in weights and value_of(pair[0]).ndim == value_of(pair[1]).ndim == 3:
            return _batched(node, *pair, layout)
    return _read_product(node, layout, weights)


def _read_product(node: fx.Node, layout: str, weights: Collection[fx.Node]) -> Site | None:
    if not is_call(node, *_OPERANDS):
        return None
    bound = arguments(node)
    x, operand = (bound[name] for name in _OPERANDS[node.target])
    weight, turned = _constant(operand, weights)
    if weight is None:
        left, turned = _constant(x, weights)
        return None if left is None else _read_left(node, operand, left, turned, layout)
    shape = tuple(value_of(weight).shape)
    if len(shape) != 2:
        raise Left("its constant is no matrix, and is not multiplied by one for each", weight)
    bias = bound["bias" if "bias" in bound else "self"] if node.target in _BIASED else None
    if node.target is aten.addmm.default:
        if (bound["beta"], bound["alpha"]) != (1, 1):
            raise Left("it scales its product or its bias (alpha, beta)", weight)
        if value_of(bound["self"]).ndim != 1:
            raise Left("its bias is another one for each row", weight)
    # A linear layer reads [O, C], a product [C, O].
    view = _kernel(shape, (node.target is aten.linear.default) is turned, layout)
    place, x = _unflattened(node, x)

    def emit(write: Writer, kernel: fx.Node) -> None:
        _convolve(write, x, kernel, bias, layout)

    return Site(place, weight, node, view, operator_name(view.after, True), emit)


def _kernel(shape: tuple[int, ...], transposed: bool, layout: str) -> Relabelling:
    """A matrix as a convolution reads it, [O, C] and ones."""
    rows, columns = shape
    after = (columns, rows) if transposed else shape
    return Relabelling(shape, (*after, *KERNELS[layout]), (1, rows, columns), transposed)


def _read_left(node: fx.Node, x: Any, weight: fx.Node, turned: bool, layout: str) -> Site:
    """A constant matrix times [..., C, S], in which the channels come first already."""
    if node.target not in (aten.mm.default, aten.matmul.default):
        raise Left("its constant is on the left, and of no plain product", weight)
    shape, ndim = tuple(value_of(weight).shape), value_of(x).ndim
    if len(shape) != 2 or ndim < 2:
        raise Left("its constant is on the left, and not a matrix times matrices", weight)
    view = _kernel(shape, turned, layout)

    def emit(write: Writer, kernel: fx.Node) -> None:
        y = write(aten.unsqueeze.default, x, 0) if ndim == 2 else x
        if ndim > 3:
            y = write(aten.flatten.using_ints, y, 0, ndim - 3)
        if layout != "conv1d":
            y = write(aten.unsqueeze.default, y, 3 if layout == "BCS1" else 2)
        y = write(CONVOLUTIONS[value_of(y).ndim - 3], y, kernel, None)
        y = write(aten.contiguous.default, y)
        batch, (positions,) = write.sizes(x, range(ndim - 2)), write.sizes(x, [ndim - 1])
        write(aten.reshape.default, y, [*batch, view.after[0], positions])

    return Site(node, weight, node, view, operator_name(view.after, True), emit)


_OPERANDS: dict[Any, tuple[str, str]] = {
    aten.linear.default: ("input", "weight"),
    aten.addmm.default: ("mat1", "mat2"),
    aten.mm.default: ("self", "mat2"),
    aten.bmm.default: ("self", "mat2"),
    aten.matmul.default: ("self", "other"),
}
_BIASED = (aten.linear.default, aten.addmm.default)


def _constant(operand: Any, weights: Collection[fx.Node]) -> tuple[fx.Node | None, bool]:
    """The constant that an operand is, and whether rows and columns are exchanged."""
    if operand in weights:
        return operand, False
    if not is_call(operand, *TURNS) or value_of(operand).ndim != 2:
        return None, False
    weight, turned = _constant(operand.args[0], weights)
    return weight, turned is not ([dim % 2 for dim in _order(operand)] == [1, 0])


def _order(turn: fx.Node) -> list[int]:
    """Where each dimension of a matrix comes from."""
    bound = arguments(turn)
    if "dims" in bound:
        return list(bound["dims"])
    if "dim0" in bound:
        return [0, 1] if (bound["dim0"] - bound["dim1"]) % 2 == 0 else [1, 0]
    return [1, 0]


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


def _convolve(
    write: Writer, x: fx.Node, kernel: fx.Node, bias: fx.Node | None, layout: str
) -> None:
    """[..., C] laid as [B, C, *space], convolved, and laid back."""
    axes, ndim = 2 if layout == "BCHW" else 1, value_of(x).ndim
    y = x
    if ndim == 1:
        y = write(aten.unsqueeze.default, y, 0)
    for _ in range(axes + 2 - max(ndim, 2)):
        y = write(aten.unsqueeze.default, y, 1)
    if ndim > axes + 2:
        y = write(aten.flatten.using_ints, y, 1, ndim - axes - 1)
    if layout in ("BCS1", "BC1S"):
        y = write(aten.unsqueeze.default, y, 2 if layout == "BCS1" else 1)
    rank = value_of(y).ndim - 2
    y = write(aten.permute.default, y, [0, rank + 1, *range(1, rank + 1)])
    y = write(CONVOLUTIONS[rank - 1], y, kernel, bias)
    y = write(aten.permute.default, y, [0, *range(2, rank + 2), 1])
    y = write(aten.contiguous.default, y)
    if ndim != rank + 2 or layout in ("BCS1", "BC1S"):
        sizes = write.sizes(x, range(ndim - 1))
        write(aten.reshape.default, y, [*sizes, value_of(kernel).shape[0]])


def _batched(node: fx.Node, x: fx.Node, weight: fx.Node, layout: str) -> Site:
    """One product for each of several matrices: a grouped convolution."""
    groups, inputs, outputs = shape = tuple(value_of(weight).shape)
    after = (groups * outputs, inputs, *KERNELS[layout])
    view = Relabelling(shape, after, shape, transposed=True)
    rank = len(KERNELS[layout])

    def emit(write: Writer, kernel: fx.Node) -> None:
        (rows,) = write.sizes(x, [1])
        y = write(aten.permute.default, x, [0, 2, 1])
        space = [rows] if rank == 1 else [rows, 1] if layout == "BCS1" else [1, rows]
        y = write(aten.reshape.default, y, [1, groups * inputs, *space])
        y = write(CONVOLUTIONS[rank - 1], y, kernel, None, [1], [0], [1], groups)
        y = write(aten.reshape.default, y, [groups, outputs, rows])
        y = write(aten.permute.default, y, [0, 2, 1])
        write(aten.contiguous.default, y)

    return Site(node, weight, node, view, operator_name(after, True), emit)


def _read_convolution(node: fx.Node, weights: Collection[fx.Node]) -> Site | None:
    known = (*CONVOLUTIONS, *PADDED_BY_NAME, *TRANSPOSED, aten.convolution.default)
    if not is_call(node, *known) or arguments(node)["weight"] not in weights:
        return None
    bound = arguments(node)
    x, weight, bias, groups = (bound[name] for name in ("input", "weight", "bias", "groups"))
    transposed = node.target in TRANSPOSED or bound.get("transposed", False)
    shape = tuple(value_of(weight).shape)
    rank = len(shape) - 2
    stride = per_axis(bound["stride"], rank, 1)
    _require_pointwise(bound, weight, transposed and max(stride) > 1)
    outputs, inputs = (shape[1] * groups, shape[0]) if transposed else (shape[0], shape[1] * groups)
    sizes = (outputs // groups, inputs // groups)
    after = sizes if groups == 1 else (groups, *reversed(sizes))
    blocks = (groups, *(reversed(sizes) if transposed else sizes))
    # A linear layer reads [O, C], a batched product [groups, C, O].
    view = Relabelling(shape, after, blocks, transposed is (groups == 1))

    def emit(write: Writer, matrix: fx.Node) -> None:
        ndim = value_of(x).ndim
        first, y = ndim - rank, x
        for dim, step in enumerate(stride, first):
            if step > 1:
                y = write(aten.slice.Tensor, y, dim, 0, LAST, step)
        batch = list(range(first - 1))
        y = write(aten.permute.default, y, [*batch, *range(first, ndim), first - 1])
        y = _multiply(write, y, matrix, bias)
        y = write(aten.permute.default, y, [*batch, ndim - 1, *range(first - 1, ndim - 1)])
        write(aten.contiguous.default, y)

    return Site(node, weight, node, view, operator_name(after, False), emit)


def _require_pointwise(bound: dict[str, Any], weight: fx.Node, spread: bool) -> None:
    kernel = value_of(weight).shape[2:]
    if prod(kernel) != 1:
        raise Left(wide(kernel), weight)
    if not isinstance(bound["padding"], str) and any(per_axis(bound["padding"], 1, 0)):
        raise Left(BORDERS, weight)
    if spread or any(per_axis(bound.get("output_padding"), 1, 0)):
        raise Left(BETWEEN, weight)


def _multiply(write: Writer, x: fx.Node, matrix: fx.Node, bias: fx.Node | None) -> fx.Node:
    """[..., C] by [O, C], or by one block [groups, C, O] for each group of channels."""
    if value_of(matrix).ndim == 2:
        return write(aten.linear.default, x, matrix, bias)
    groups, inputs, outputs = value_of(matrix).shape
    sizes = write.sizes(x, range(value_of(x).ndim - 1))
    y = write(aten.reshape.default, x, [-1, groups, inputs])
    y = write(aten.permute.default, y, [1, 0, 2])
    y = write(aten.bmm.default, y, matrix)
    y = write(aten.permute.default, y, [1, 0, 2])
    y = write(aten.reshape.default, y, [*sizes, groups * outputs])
    return y if bias is None else write(aten.add.Tensor, y, bias)
