"""1×1 and whole-extent convolutions of an ONNX graph, read as linear layers."""

from collections.abc import Sequence
from functools import partial
from math import prod

import onnx_ir as ir

from onebyone.rewriting.layouts import channels_last
from onebyone.rewriting.left import Left
from onebyone.rewriting.moves import Move
from onebyone.rewriting.onnx.editor import Editor, drop, source
from onebyone.rewriting.onnx.names import became, turned
from onebyone.rewriting.onnx.value_sizes import Sizes, check_numbers, known
from onebyone.rewriting.onnx.weights import Layer, read_weight
from onebyone.rewriting.relabelling import matrices
from onebyone.wording import by

CANDIDATES = frozenset({"Conv", "ConvTranspose"})
_TO_THE_END = (1 << 63) - 1


def read(node: ir.Node, _layout: str, opset: int) -> Layer:
    """A Conv or ConvTranspose as a Gemm or MatMul, or why it is `Left`."""
    x, groups = node.inputs[0], node.attributes.get_int("group", 1)
    weight = read_weight(node.inputs[1])
    if weight is None:
        raise Left("its weight is not constant")
    if weight.turned:
        raise Left("its weight is computed by Transpose")
    check_numbers(x, opset)
    sizes = known(x)
    known(node.outputs[0])
    kernel = weight.sizes[2:]
    strides = tuple(node.attributes.get_ints("strides", (1,) * len(kernel)))
    whole = all(k == 1 for k in sizes[2:])
    if any(k > 1 for k in kernel):
        _check_whole_extent(node, kernel, sizes, groups)
        whole = True
    _check_padding(node, kernel)
    if node.op_type == "ConvTranspose" and any(s > 1 for s in strides):
        raise Left("it spreads its input out by a stride, between zeros")
    flat = whole and groups == 1
    rows, *others = weight.sizes
    blocks = (groups, rows // groups, prod(others))
    # A Gemm reads [O, C] here, in the order that Flatten gives; a MatMul [C, O], for each group.
    relabelling = matrices(weight.sizes, blocks, (node.op_type == "Conv") is not flat)
    build = partial(_gemm, node, kernel) if flat else partial(_product, node, groups, strides)
    return Layer(node, weight, relabelling, build)


def _check_padding(node: ir.Node, kernel: Sequence[int]) -> None:
    automatic = node.attributes.get_string("auto_pad", "")
    same = automatic.startswith("SAME") and any(k > 1 for k in kernel)
    if any(node.attributes.get_ints("pads", ())) or same:
        raise Left("it pads: the outputs at the border are its bias (S10), not the layer's")
    if any(node.attributes.get_ints("output_padding", ())) or "output_shape" in node.attributes:
        raise Left("it sets its output's shape")


def _check_whole_extent(node: ir.Node, kernel: tuple[int, ...], sizes: Sizes, groups: int) -> None:
    extent = by(kernel)
    if node.op_type == "ConvTranspose" or sizes[2:] != kernel:
        raise Left(f"its kernel of {extent} covers more than one position, and not all")
    if groups > 1:
        raise Left(f"its kernel of {extent} covers all positions, but in {groups} groups")


def _gemm(node: ir.Node, kernel: tuple[int, ...], editor: Editor, weight: ir.Value) -> str:
    """Put a Gemm in place of a convolution over all positions."""
    x, result = source(node), node.outputs[0]
    sizes = known(x)
    squeezed = Move(len(sizes), (0, 1))
    name = turned(x.name, editor.order)
    if all(k == 1 for k in kernel):
        flat = editor.move(x, squeezed, node, name)
    else:
        inputs = known(weight)[1]
        flat = editor.add("Flatten", [x], node, name=name, sizes=(sizes[0], inputs))
    bias = list(node.inputs[2:3])
    y = editor.add(
        "Gemm",
        [flat, weight, *bias],
        node,
        output=turned(result.name, editor.order),
        sizes=(sizes[0], known(weight)[0]),
        attributes={"transB": 1},
        like=node,
    )
    _put_back(editor, node, y, squeezed)
    return "Gemm"


def _product(
    node: ir.Node, groups: int, strides: tuple[int, ...], editor: Editor, weight: ir.Value
) -> str:
    """Put a MatMul, and an Add of a bias, in place of a convolution at every position."""
    x, result = source(node), node.outputs[0]
    move = channels_last(known(result))
    assert move is not None
    x = _strided(editor, x, strides, node)
    x = editor.move(x, move, node, turned(x.name, editor.order))
    shape, output = move.apply(known(result)), turned(result.name, editor.order)
    *_, inputs, outputs = (k for k in known(weight) if isinstance(k, int))
    if groups > 1:
        x = _regrouped(editor, x, [groups, 1, inputs], node)
    bias = node.inputs[2] if len(node.inputs) > 2 else None
    y = editor.add(
        "MatMul",
        [x, weight],
        node,
        output=output if bias is None else "",
        sizes=shape,
        like=node,
    )
    if groups > 1:
        y = _regrouped(editor, y, [groups * outputs], node)
    if bias is not None:
        name = became(node.name, node.op_type, "Add")
        y = editor.add("Add", [y, bias], node, name=name, output=output, sizes=shape)
    _put_back(editor, node, y, move)
    return "MatMul"


def _put_back(editor: Editor, node: ir.Node, y: ir.Value, move: Move) -> None:
    """Let a moved value, moved back, be the result of a node, which goes."""
    result = node.outputs[0]
    back = f"{result.name}/{editor.order}/back"
    editor.replace(result, editor.move(y, move.inverse, node, back))
    drop(node)


def _strided(editor: Editor, x: ir.Value, strides: tuple[int, ...], before: ir.Node) -> ir.Value:
    """Every stride-th position: what a stride is to a kernel of one position (S10)."""
    axes = [k for k, stride in enumerate(strides, 2) if stride > 1]
    if not axes:
        return x
    name = f"{x.name}/Slice"
    ranges = {
        "starts": [0] * len(axes),
        "ends": [_TO_THE_END] * len(axes),
        "axes": axes,
        "steps": [strides[k - 2] for k in axes],
    }
    constants = [editor.numbers(values, f"{name}/{label}") for label, values in ranges.items()]
    steps = dict(zip(axes, ranges["steps"], strict=True))
    sizes = tuple(
        size if k not in steps else -(-size // steps[k]) if isinstance(size, int) else None
        for k, size in enumerate(known(x))
    )
    return editor.add("Slice", [x, *constants], before, name=name, sizes=sizes)


def _regrouped(editor: Editor, x: ir.Value, end: list[int], before: ir.Node) -> ir.Value:
    """The same positions, the channels otherwise; no -1, which cannot stand beside a 0."""
    kept = [0] * (len(known(x)) - 1)
    return editor.reshape(x, kept + end, before, f"{x.name}/groups")
