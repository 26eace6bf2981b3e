"""The operators of a graph that only move axes, read as moves."""

from collections.abc import Callable

import onnx_ir as ir

from onebyone.rewriting.moves import Move, between, squeeze, transpose, unsqueeze
from onebyone.rewriting.onnx.editor import integers
from onebyone.rewriting.onnx.value_sizes import Sizes, sizes_of


def move_of(node: ir.Node | None) -> Move | None:
    """What a node does, where it is a move: a Transpose, Squeeze, Unsqueeze, Flatten, Reshape."""
    if node is not None and node.domain == "onebyone":
        move: Move = node.meta["onebyone.move"]
        return move
    source = sizes_of(node.inputs[0]) if node is not None and node.inputs else None
    if node is None or source is None or node.domain or node.op_type not in _READERS:
        return None
    return _READERS[node.op_type](node, source)


def count(graph: ir.Graph) -> int:
    """How many operators of the graph only move."""
    return sum(len(move.steps) for node in graph if (move := move_of(node)) is not None)


def _transpose(node: ir.Node, source: Sizes) -> Move:
    return transpose(node.attributes.get_ints("perm", range(len(source))[::-1]))


def _ones(node: ir.Node, source: Sizes) -> Move | None:
    axes = integers(node, "axes", 1)
    make = squeeze if node.op_type == "Squeeze" else unsqueeze
    return None if axes is None else make(len(source), axes)


def _flatten(node: ir.Node, source: Sizes) -> Move | None:
    ones = len(source) > 1 and all(size == 1 for size in source[2:])
    return Move(len(source), (0, 1)) if ones and node.attributes.get_int("axis", 1) == 1 else None


def _reshape(node: ir.Node, source: Sizes) -> Move | None:
    result = sizes_of(node.outputs[0])
    return None if result is None else between(source, result)


_READERS: dict[str, Callable[[ir.Node, Sizes], Move | None]] = {
    "Transpose": _transpose,
    "Squeeze": _ones,
    "Unsqueeze": _ones,
    "Flatten": _flatten,
    "Reshape": _reshape,
}
