"""Linear layers of an ONNX graph, read as convolutions."""

from functools import partial
from math import prod

import onnx_ir as ir

from onebyone.rewriting.layouts import LAYOUTS
from onebyone.rewriting.left import Left
from onebyone.rewriting.moves import Move, transpose, unsqueeze
from onebyone.rewriting.onnx.editor import integers
from onebyone.rewriting.onnx.spans import Span, build
from onebyone.rewriting.onnx.value_sizes import Sizes, check_numbers, known, sizes_of
from onebyone.rewriting.onnx.weights import Layer, Weight, read_weight
from onebyone.rewriting.relabelling import Relabelling, matrices

CANDIDATES = frozenset({"MatMul", "Gemm"})


def read(node: ir.Node, layout: str, opset: int) -> Layer:
    """A MatMul or Gemm as a convolution, or why it is `Left`."""
    a, b = node.inputs[:2]
    x, weight = a, read_weight(b)
    on_the_left = weight is None and node.op_type == "MatMul"
    if on_the_left:
        x, weight = b, read_weight(a)
    if weight is None or x is None:
        raise Left("its weight is not constant")
    check_numbers(x, opset)
    known(node.outputs[0])
    pair = None if on_the_left else _grouped(node, x, weight)
    if pair is not None:
        cut, join = pair
        span = _span(node, cut, join.outputs[0], layout, groups=weight.sizes[0])
        return _layer(span, weight, _pointwise(weight, weight.sizes, True, span))
    if len(weight.sizes) != 2:
        raise Left(f"its weight has {len(weight.sizes)} axes, not 2")
    out_first = weight.turned != (on_the_left or bool(node.attributes.get_int("transB", 0)))
    flat = None if on_the_left else _flattened(node, x)
    if flat is not None:
        first, order = flat
        features = known(first.inputs[0])
        back = Move(len(features), (0, 1))
        span = Span(node, (first, 0), node.outputs[0], transpose(range(len(features))), back)
        return _layer(span, weight, _whole_extent(weight, out_first, features, order))
    if on_the_left:
        move = _left_form(len(known(x)), layout)
        span = Span(node, (node, 1), node.outputs[0], move, move.inverse)
    else:
        span = _span(node, node, node.outputs[0], layout)
    return _layer(span, weight, _pointwise(weight, (1, *weight.sizes), not out_first, span))


def _layer(span: Span, weight: Weight, relabelling: Relabelling) -> Layer:
    return Layer(span.node, weight, relabelling, partial(build, span))


def _pointwise(
    weight: Weight, blocks: tuple[int, ...], transposed: bool, span: Span
) -> Relabelling:
    kernel = (1,) * (len(span.forth.axes) - 2)
    return matrices(weight.sizes, blocks, transposed, kernel)


def _span(node: ir.Node, first: ir.Node, result: ir.Value, layout: str, groups: int = 1) -> Span:
    """Channels last, before and after."""
    move = LAYOUTS[layout].move(len(known(result)))
    forth = move or LAYOUTS[layout].signal
    return Span(node, (first, 0), result, forth, forth.inverse, groups, merged=move is None)


def _grouped(node: ir.Node, x: ir.Value, weight: Weight) -> tuple[ir.Node, ir.Node] | None:
    """What cuts channels into groups before a product with a matrix for each, and joins them after.

    [..., C] as [..., groups, 1, C / groups] and back; None where it is not so.
    """
    cut, uses = x.producer(), list(node.outputs[0].uses())
    sizes = sizes_of(cut.inputs[0]) if cut is not None and cut.inputs else None
    if len(weight.sizes) != 3 or cut is None or sizes is None or len(uses) != 1:
        return None
    join, (groups, channels, outputs) = uses[0][0], weight.sizes
    kept = (0,) * (len(sizes) - 1)
    cuts = {(*kept, groups, 1, end) for end in (-1, channels)}
    joins = {(*kept, end) for end in (-1, groups * outputs)}
    fits = _target(cut) in cuts and _target(join) in joins and join.graph is node.graph
    return (cut, join) if fits and not node.outputs[0].is_graph_output() else None


def _target(node: ir.Node) -> tuple[int, ...] | None:
    """The sizes that a Reshape asks for, 0 where it keeps one."""
    reshape = node.op_type == "Reshape" and not node.attributes.get_int("allowzero", 0)
    return integers(node, "shape", 1) if reshape else None


def _flattened(node: ir.Node, value: ir.Value) -> tuple[ir.Node, tuple[int, ...]] | None:
    """What reads features, flattened before a layer, and the order that they have in between.

    None where there were none, or where each had one position.
    """
    flatten, sizes = value.producer(), sizes_of(value)
    turned = node.attributes.get_int("transA", 0) != 0
    if flatten is None or turned or sizes is None or len(sizes) != 2:
        return None
    if flatten.op_type not in {"Flatten", "Reshape"} or flatten.attributes.get_int("axis", 1) != 1:
        return None
    first, features = flatten, sizes_of(flatten.inputs[0])
    if features is None or len(features) not in {3, 4, 5}:
        return None
    extent = [k for k in features[1:] if isinstance(k, int)]
    if len(extent) < len(features) - 1 or prod(extent) != sizes[1]:
        return None
    order = tuple(range(len(features)))
    before = flatten.inputs[0].producer() if flatten.inputs[0] is not None else None
    if before is not None and before.op_type == "Transpose" and "perm" in before.attributes:
        perm = tuple(before.attributes["perm"].as_ints())
        if perm[0] == 0 and before.inputs[0] is not None:
            first, order = before, perm
    return None if all(k == 1 for k in known(first.inputs[0])[2:]) else (first, order)


def _whole_extent(
    weight: Weight, out_first: bool, features: Sizes, order: tuple[int, ...]
) -> Relabelling:
    """S3: the weight of a layer over all features, as a kernel of their extent."""
    extent = tuple(k for k in features[1:] if isinstance(k, int))
    seen = tuple(extent[k - 1] for k in order[1:])
    back = [order.index(k) for k in range(1, len(order))]
    if out_first:
        outputs = weight.sizes[0]
        return Relabelling(weight.sizes, (outputs, *seen), (0, *back), (outputs, *extent))
    outputs = weight.sizes[1]
    turned = (len(seen), *(k - 1 for k in back))
    return Relabelling(weight.sizes, (*seen, outputs), turned, (outputs, *extent))


def _left_form(rank: int, layout: str) -> Move:
    if rank == 4 and layout != "conv1d":
        return transpose((0, 2, 1, 3))
    if rank == 2:
        return unsqueeze(2, [0]).then(LAYOUTS[layout].columns)
    if rank == 3:
        return LAYOUTS[layout].columns
    raise Left(f"its weight is on the left of {rank} axes, which no convolution in {layout} has")
