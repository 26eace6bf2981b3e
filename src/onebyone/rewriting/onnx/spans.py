"""A convolution put into a graph, in place of a linear layer."""

from dataclasses import dataclass

import onnx_ir as ir

from onebyone.rewriting.moves import Move, transpose
from onebyone.rewriting.onnx.beside import is_plain, merge_positions, scaled, split_positions
from onebyone.rewriting.onnx.editor import Editor, drop, integers, is_new, maker, source
from onebyone.rewriting.onnx.names import turned
from onebyone.rewriting.onnx.value_sizes import known, sizes_of

_FAR = 2**31 - 1  # where a slice ends that goes to the end


@dataclass(frozen=True, eq=False)
class Span:
    """What a convolution takes the place of.

    Attributes:
        node: the layer.
        start: the first node of it, and which of its inputs the convolution reads, moved.
        result: what it gives, moved back; a bias may be added to it.
        forth: the move of x.
        back: the move of the result.
        groups: of channels.
        merged: whether axes of positions are merged to one, [B, S, C], for the moves.
    """

    node: ir.Node
    start: tuple[ir.Node, int]
    result: ir.Value
    forth: Move
    back: Move
    groups: int = 1
    merged: bool = False

    @property
    def x(self) -> ir.Value:
        """What the convolution reads; another value once the layer that makes it is rewritten."""
        return source(*self.start)


def build(span: Span, editor: Editor, weight: ir.Value) -> str:
    """Put the convolution and its moves there; says what it is."""
    node, x = span.node, span.x
    plain = node.op_type != "Gemm" or is_plain(node)
    outputs, channels, *kernel = (k for k in known(weight) if isinstance(k, int))
    bias, last = _bias(span, outputs) if plain else (None, node)
    result = span.result if last is node else last.outputs[0]
    sizes = known(span.result)
    if node.attributes.get_int("transA", 0):
        x = editor.move(x, transpose((1, 0)), last, f"{x.name}/Transpose")
    if span.merged:
        x = merge_positions(editor, x, channels * span.groups, last)
        sizes = (sizes[0], None, sizes[-1])
    moved = editor.move(x, span.forth, last, turned(x.name, editor.order))
    groups = {"group": span.groups} if span.groups > 1 else {}
    y = editor.add(
        "Conv",
        [moved, weight] if bias is None else [moved, weight, bias],
        last,
        output=turned(result.name, editor.order) if plain and not span.merged else "",
        sizes=span.back.inverse.apply(sizes),
        attributes={"kernel_shape": kernel, **groups},
        like=node,
    )
    y = editor.move(y, span.back, last, f"{result.name}/{editor.order}/back")
    if span.merged:
        y = split_positions(editor, y, outputs, span.x, last)
    if not plain:
        y = scaled(editor, node, y)
    editor.replace(result, y)
    drop(last)
    return "Conv"


def _bias(span: Span, outputs: int) -> tuple[ir.Value | None, ir.Node]:
    """The bias that the convolution can add itself, and the last node that it replaces.

    A bias runs along the last axis, so that the channels must be there.
    """
    node, result = span.node, span.result
    last = maker(result)
    if node.op_type == "Gemm":
        return (node.inputs[2] if len(node.inputs) > 2 else None), last
    uses = list(result.uses())
    if len(uses) == 1 and not result.is_graph_output() and span.back.axes[-1] == 1:
        add, place = uses[0]
        other = add.inputs[1 - place] if add.op_type == "Add" else None
        if other is not None and add.graph is node.graph and sizes_of(other) == (outputs,):
            return other, add
    return None, last


def take_strides(graph: ir.Graph) -> None:
    """Make a slice of every so many positions the stride of the new convolution behind it (S10)."""
    for node in list(graph):
        if node.op_type == "Conv" and is_new(node):
            value = node.inputs[0]
            step = None if value is None else value.producer()
            steps = None if step is None else _steps(step)
            kernel = known(node.inputs[1])[2:]
            if step is None or steps is None or any(k != 1 for k in kernel):
                continue
            node.replace_input_with(0, step.inputs[0])
            strides = [steps.get(axis, 1) for axis in range(2, len(kernel) + 2)]
            node.attributes["strides"] = ir.AttrInt64s("strides", strides)
            drop(step)


def _steps(node: ir.Node) -> dict[int, int] | None:
    """The steps along axes of positions, of a slice from 0 to the end; None where it is no such."""
    sizes = sizes_of(node.inputs[0]) if node.inputs else None
    if node.op_type != "Slice" or sizes is None:
        return None
    given = [
        integers(node, name, k) for k, name in enumerate(("starts", "ends", "axes", "steps"), 1)
    ]
    if None in given:
        return None
    starts, ends, axes, steps = (list(numbers or ()) for numbers in given)
    axes = [axis % len(sizes) for axis in axes]
    whole = not any(starts) and all(end >= _FAR for end in ends) and min(steps) > 0
    return dict(zip(axes, steps, strict=True)) if whole and min(axes) > 1 else None
