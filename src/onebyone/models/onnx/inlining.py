"""Graphs within nodes of an ONNX file, written into the graph around them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import onnx

from onebyone.models.onnx.nodes import every, graphs


@dataclass(frozen=True)
class Inlined:
    """A graph that stands in another one now.

    Attributes:
        nodes: its own, whose names are new.
        tensors: its initializers, by their new names.
        outputs: names of what it gives.
    """

    nodes: tuple[onnx.NodeProto, ...]
    tensors: Mapping[str, onnx.TensorProto]
    outputs: tuple[str, ...]


def mark_of(graph: onnx.GraphProto) -> str:
    """Dots, as many in a row as no name of a graph has: what new names are joined by."""
    names = _names(graph)
    return next(dots for k in count(2) if not any((dots := "." * k) in name for name in names))


def inlined(graph: onnx.GraphProto, given: Sequence[str], place: str, turn: str) -> Inlined:
    """A graph with names of its own, whose inputs are values around it.

    Args:
        graph: within a node; it stays as it is.
        given: names for its inputs.
        place: what the new names of its initializers start with, the same at every turn.
        turn: what all other new names start with.
    """
    inputs = [value.name for value in graph.input]
    stored = {tensor.name: place + tensor.name for tensor in graph.initializer}
    made = {name: turn + name for node in graph.node for name in node.output if name}
    names = stored | made | dict(zip(inputs, given, strict=True))
    nodes = []
    for node in graph.node:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        _rename(copy, names, turn)
        nodes.append(copy)
    tensors = {stored[tensor.name]: tensor for tensor in graph.initializer}
    outputs = tuple(names.get(value.name, value.name) for value in graph.output)
    return Inlined(tuple(nodes), tensors, outputs)


def _rename(node: onnx.NodeProto, names: Mapping[str, str], turn: str) -> None:
    node.name = turn + node.name if node.name else ""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for graph in graphs(node):
        _rename_within(graph, names, turn)


def _rename_within(graph: onnx.GraphProto, names: Mapping[str, str], turn: str) -> None:
    """Rename all values of a graph, so that none hides one that is given from around it."""
    own = [value.name for value in (*graph.input, *graph.initializer)]
    own += [name for node in graph.node for name in node.output if name]
    names = {**names, **{name: turn + name for name in own}}
    for value in (*graph.input, *graph.initializer, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        _rename(node, names, turn)


def _names(graph: onnx.GraphProto) -> set[str]:
    found = {value.name for value in (*graph.input, *graph.initializer, *graph.output)}
    for node in every(*graph.node):
        found.update((*node.input, *node.output))
        for inner in graphs(node):
            found.update(value.name for value in (*inner.input, *inner.initializer))
    return found
