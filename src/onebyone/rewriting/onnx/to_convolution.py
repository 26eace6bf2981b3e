"""Linear layers of an ONNX graph, read as convolutions."""

from math import prod

import numpy as np
import onnx_ir as ir

from onebyone.rewriting.onnx.editor import Editor, drop, integer
from onebyone.rewriting.onnx.layer import Layer, check_numbers, known
from onebyone.rewriting.onnx.moves import Move, transpose
from onebyone.rewriting.onnx.names import became, turned
from onebyone.rewriting.onnx.relabelling import Relabelling
from onebyone.rewriting.onnx.sizes import Sizes, sizes_of
from onebyone.rewriting.onnx.weights import Left, Weight, read_weight

LAYOUTS = ("conv1d", "BCS1", "BC1S", "BCHW")
CANDIDATES = frozenset({"MatMul", "Gemm"})
_RANK_THREE = {
    "conv1d": Move(3, (0, 2, 1)),
    "BCS1": Move(3, (0, 2, 1, None)),
    "BC1S": Move(3, (0, 2, None, 1)),
    "BCHW": Move(3, (0, 2, None, 1)),
}


def form(sizes: Sizes, layout: str) -> Move | None:
    """How a value with its channels last lies for a convolution; None where that is a reshape."""
    rank = len(sizes)
    if rank == 3:
        return _RANK_THREE[layout]
    ones = (None,) * (1 if layout == "conv1d" else 2)
    if rank in {1, 2}:
        return Move(rank, (None if rank == 1 else 0, rank - 1, *ones))
    if rank in {4, 5} and layout == "BCHW":
        return transpose((0, rank - 1, *range(1, rank - 1)))
    return None


def read(node: ir.Node, layout: str, opset: int) -> Layer:
    """A MatMul or Gemm as a convolution.

    Raises:
        Left: It stays as it is, and why.
    """
    a, b = node.inputs[:2]
    weight = read_weight(b)
    if weight is None and node.op_type == "MatMul":
        left = read_weight(a)
        if left is not None:
            check_numbers(b, opset)
            return _read_left(node, left, layout)
    if weight is None or a is None:
        raise Left("its weight is not constant")
    check_numbers(a, opset)
    known(node.outputs[0])
    if len(weight.sizes) != 2:
        raise Left(f"its weight has {len(weight.sizes)} axes, not 2")
    out_first = weight.turned != bool(integer(node, "transB", 0))
    flat = _flattened(node, a)
    relabelling = (
        _pointwise(weight, out_first, form(known(a), layout) or _RANK_THREE[layout])
        if flat is None
        else _whole_extent(weight, out_first, *flat)
    )

    def build(editor: Editor, new: ir.Value) -> str:
        return _build(editor, node, new, layout)

    return Layer(node, weight, relabelling, build)


def _pointwise(weight: Weight, out_first: bool, move: Move) -> Relabelling:
    order = (0, 1) if out_first else (1, 0)
    outputs, channels = (weight.sizes[k] for k in order)
    ones = (1,) * (len(move.axes) - 2)
    return Relabelling(weight.sizes, order, (outputs, channels, *ones))


def _flattened(node: ir.Node, value: ir.Value) -> tuple[ir.Value, tuple[int, ...]] | None:
    """The features that were flattened before a layer, and the order that they had in between.

    None where there were none, or where each had one position.
    """
    flatten, sizes = value.producer(), sizes_of(value)
    if flatten is None or integer(node, "transA", 0) or sizes is None or len(sizes) != 2:
        return None
    if flatten.op_type not in {"Flatten", "Reshape"} or integer(flatten, "axis", 1) != 1:
        return None
    source = flatten.inputs[0]
    features = sizes_of(source)
    if source is None or features is None or len(features) not in {3, 4, 5}:
        return None
    extent = [k for k in features[1:] if isinstance(k, int)]
    if len(extent) < len(features) - 1 or prod(extent) != sizes[1]:
        return None
    order = tuple(range(len(features)))
    before = source.producer()
    if before is not None and before.op_type == "Transpose" and "perm" in before.attributes:
        perm = tuple(before.attributes["perm"].as_ints())
        if perm[0] == 0 and before.inputs[0] is not None:
            source, order = before.inputs[0], perm
    features = known(source)
    return None if all(k == 1 for k in features[2:]) else (source, order)


def _whole_extent(
    weight: Weight, out_first: bool, features: ir.Value, order: tuple[int, ...]
) -> Relabelling:
    """S3: the weight of a layer over all features, as a kernel of their extent."""
    extent = tuple(k for k in known(features)[1:] if isinstance(k, int))
    seen = tuple(extent[k - 1] for k in order[1:])
    back = [order.index(k) for k in range(1, len(order))]
    if out_first:
        outputs = weight.sizes[0]
        return Relabelling((outputs, *seen), (0, *back), (outputs, *extent))
    outputs = weight.sizes[1]
    turned = (len(seen), *(k - 1 for k in back))
    return Relabelling((*seen, outputs), turned, (outputs, *extent))


def _build(editor: Editor, node: ir.Node, weight: ir.Value, layout: str) -> str:
    """The convolution with its moves, in place of the layer and of a bias added after it."""
    x, result = node.inputs[0], node.outputs[0]
    assert x is not None
    flat = _flattened(node, x)
    outputs, channels = (k for k in known(weight)[:2] if isinstance(k, int))
    bias, last = _bias(node, outputs)
    if last is not node:
        result = last.outputs[0]
    if integer(node, "transA", 0):
        x = editor.move(x, transpose((1, 0)), last, f"{x.name}/Transpose")
    sizes = known(node.outputs[0])
    merged = False
    if flat is not None:
        moved = flat[0]
        move = Move(2, (0, 1, *(None,) * (len(known(moved)) - 2)))
    else:
        found = form(sizes, layout)
        if found is None:
            merged = True
            x = _merged(editor, x, channels, last)
            sizes = (sizes[0], None, sizes[-1])
        move = found or _RANK_THREE[layout]
        moved = editor.move(x, move, last, turned(x.name, editor.order))
    y = convolution(editor, node, moved, weight, bias, last, move.apply(sizes))
    y = editor.move(y, move.inverse, last, f"{result.name}/{editor.order}/back")
    if merged:
        y = _split(editor, y, outputs, node.inputs[0], last)
    if last is node and node.op_type == "Gemm":
        y = _scaled(editor, node, y, bias)
    editor.replace(result, y)
    drop(last)
    return "Conv"


def convolution(
    editor: Editor,
    node: ir.Node,
    x: ir.Value,
    weight: ir.Value,
    bias: ir.Value | None,
    before: ir.Node,
    sizes: Sizes,
) -> ir.Value:
    """The convolution that takes a layer's place, by name and metadata too."""
    kernel = known(weight)[2:]
    return editor.add(
        "Conv",
        [x, weight] if bias is None else [x, weight, bias],
        before,
        name=became(node.name, node.op_type, "Conv"),
        output=turned(node.outputs[0].name, editor.order),
        sizes=sizes,
        attributes={"kernel_shape": [k for k in kernel if isinstance(k, int)]},
        like=node,
    )


def _bias(node: ir.Node, outputs: int) -> tuple[ir.Value | None, ir.Node]:
    """The bias that the convolution can add itself, and the last node that it replaces."""
    if node.op_type == "Gemm":
        plain = _float(node, "alpha") == 1 and _float(node, "beta") == 1
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        return (bias if plain and sizes_of(bias) == (outputs,) else None), node
    result = node.outputs[0]
    uses = list(result.uses())
    if len(uses) == 1 and not result.is_graph_output():
        add, place = uses[0]
        other = add.inputs[1 - place] if add.op_type == "Add" else None
        if other is not None and add.graph is node.graph and sizes_of(other) == (outputs,):
            return other, add
    return None, node


def _scaled(editor: Editor, node: ir.Node, y: ir.Value, bias: ir.Value | None) -> ir.Value:
    """alpha·y + beta·C, for what the convolution itself does not do."""
    sizes, name = known(node.outputs[0]), node.outputs[0].name
    added = node.inputs[2] if len(node.inputs) > 2 and bias is None else None
    alpha, beta = _float(node, "alpha"), _float(node, "beta")

    def times(value: ir.Value, factor: float, label: str) -> ir.Value:
        if factor == 1:
            return value
        dtype = value.dtype or ir.DataType.FLOAT
        constant = editor.numbers(np.array(factor, dtype.numpy()), f"{name}/{label}")
        inputs = [value, constant]
        sized = sizes_of(value)
        return editor.add("Mul", inputs, node, name=f"{name}/Mul_{label}", sizes=sized)

    y = times(y, alpha, "alpha")
    if added is None or beta == 0:
        return y
    total = [y, times(added, beta, "beta")]
    return editor.add("Add", total, node, name=f"{name}/Add", sizes=sizes)


def _merged(editor: Editor, x: ir.Value, channels: int, before: ir.Node) -> ir.Value:
    """[d0, ..., C] as [d0, positions, C]."""
    sizes = known(x)
    shape = editor.numbers([0, -1, channels], f"{x.name}/merged/shape")
    merged = (sizes[0], None, channels)
    return editor.add("Reshape", [x, shape], before, name=f"{x.name}/merged", sizes=merged)


def _split(
    editor: Editor, y: ir.Value, outputs: int, x: ir.Value | None, before: ir.Node
) -> ir.Value:
    """[d0, positions, O] with the axes that x has."""
    sizes, name = known(x), f"{y.name}/split"
    dynamic = [k for k in sizes[1:-1] if not isinstance(k, int)]
    if len(dynamic) <= 1:
        inner = [k if isinstance(k, int) else -1 for k in sizes[1:-1]]
        shape = editor.numbers([0, *inner, outputs], f"{name}/shape")
    else:
        whole = editor.add("Shape", [x], before, name=f"{name}/whole")
        whole.dtype = ir.DataType.INT64
        ends = [editor.numbers([k], f"{name}/{n}") for n, k in (("first", 0), ("last", -1))]
        inner_shape = editor.add("Slice", [whole, *ends], before, name=f"{name}/positions")
        last = editor.numbers([outputs], f"{name}/channels")
        shape = editor.add(
            "Concat", [inner_shape, last], before, name=f"{name}/shape", attributes={"axis": 0}
        )
    split = (*sizes[:-1], outputs)
    return editor.add("Reshape", [y, shape], before, name=name, sizes=split)


def _read_left(node: ir.Node, weight: Weight, layout: str) -> Layer:
    """`MatMul(W, x)`: the channels are the last axis but one."""
    x = node.inputs[1]
    sizes = known(x)
    if len(weight.sizes) != 2:
        raise Left(f"its weight has {len(weight.sizes)} axes, not 2")
    move = _left_form(len(sizes), layout)

    def build(editor: Editor, new: ir.Value) -> str:
        assert x is not None
        result = node.outputs[0]
        moved = editor.move(x, move, node, turned(x.name, editor.order))
        shape = move.apply(known(result))
        y = convolution(editor, node, moved, new, None, node, shape)
        back = f"{result.name}/{editor.order}/back"
        editor.replace(result, editor.move(y, move.inverse, node, back))
        drop(node)
        return "Conv"

    return Layer(node, weight, _pointwise(weight, not weight.turned, move), build)


def _left_form(rank: int, layout: str) -> Move:
    if rank == 4 and layout != "conv1d":
        return transpose((0, 2, 1, 3))
    if rank == 2:
        last = {"conv1d": (1,), "BCS1": (1, None)}.get(layout, (None, 1))
        return Move(2, (None, 0, *last))
    if rank == 3:
        last = {"conv1d": (2,), "BCS1": (2, None)}.get(layout, (None, 2))
        return Move(3, (0, 1, *last))
    raise Left(f"its weight is on the left of {rank} axes, which no convolution in {layout} has")


def _float(node: ir.Node, name: str) -> float:
    return node.attributes[name].as_float() if name in node.attributes else 1.0
