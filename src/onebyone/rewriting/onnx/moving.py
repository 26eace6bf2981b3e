"""The operators of a graph that only move axes, read as moves."""

from collections.abc import Callable

import onnx_ir as ir

from onebyone.rewriting.moves import Move, between, squeeze, transpose, unsqueeze
from onebyone.rewriting.onnx.editor import integer, integers
from onebyone.rewriting.onnx.value_sizes import Sizes, sizes_of


def move_of(node: ir.Node | None) -> Move | None:
    """What a node does, where it is a move: a Transpose, Squeeze, Unsqueeze, Flatten, Reshape."""
    if node is not None and node.domain == "onebyone":
        move: Move = node.meta["onebyone.move"]
        return move
    source = sizes_of(node.inputs[0]) if node is not None and node.inputs else None
    if node is None or source is None:
        return None
    reader = _READERS.get(node.op_type) if node.domain in {"", "ai.onnx"} else None
    return None if reader is None else reader(node, source)


def count(graph: ir.Graph) -> int:
    """How many operators of the graph only move."""
    return sum(len(move.steps) for node in graph if (move := move_of(node)) is not None)


def _transpose(node: ir.Node, source: Sizes) -> Move:
    order = range(len(source))[::-1]
    return transpose(node.attributes["perm"].as_ints() if "perm" in node.attributes else order)


def _squeeze(node: ir.Node, source: Sizes) -> Move | None:
    axes = integers(node, "axes", 1)
    return None if axes is None else squeeze(len(source), axes)


def _unsqueeze(node: ir.Node, source: Sizes) -> Move | None:
    axes = integers(node, "axes", 1)
    return None if axes is None else unsqueeze(len(source), axes)


def _flatten(node: ir.Node, source: Sizes) -> Move | None:
    ones = len(source) > 1 and all(size == 1 for size in source[2:])
    return Move(len(source), (0, 1)) if ones and integer(node, "axis", 1) == 1 else None


def _reshape(node: ir.Node, source: Sizes) -> Move | None:
    result = sizes_of(node.outputs[0])
    return None if result is None else between(source, result)


_READERS: dict[str, Callable[[ir.Node, Sizes], Move | None]] = {
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Flatten": _flatten,
    "Reshape": _reshape,
}
