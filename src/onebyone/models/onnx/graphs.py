"""Graphs of an ONNX file: names that are defined once and before use, and types that agree."""

from collections import ChainMap
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import onnx

from onebyone.errors import InputError
from onebyone.models.onnx.nodes import STANDARD, Known, Operators, constant, graphs, named, reads
from onebyone.models.shown import shown

Scope = ChainMap[str, Known]
"""What is known of values by name, within a node's graphs of those around it, too."""


@dataclass(frozen=True)
class Reader:
    """Checks the graphs that share a set of operators.

    Attributes:
        operators: that nodes may use.
        corrections: a line for each declaration that was wrong and has been taken out.
    """

    operators: Operators
    corrections: list[str]

    def graph(self, graph: onnx.GraphProto, outside: Scope) -> None:
        """Check a graph and those within its nodes; nodes are put in order where they are not."""
        scope = outside.new_child()
        for value in (*graph.input, *graph.value_info, *graph.output):
            _open_negative(value.type)
        _enter_inputs(graph, scope)
        arrange(graph, scope)
        declared = {value.name: value for value in (*graph.value_info, *graph.output)}
        for node in graph.node:
            self.node(node, scope, declared)
        for value in graph.output:
            if value.name not in scope.maps[0]:
                raise InputError(f"output {shown(value.name)} comes from nothing in its graph")

    def node(
        self, node: onnx.NodeProto, scope: Scope, declared: dict[str, onnx.ValueInfoProto]
    ) -> None:
        """Check a node and enter its results."""
        for name in node.input:
            if name and name not in scope:
                raise InputError(f"{named(node)} reads {shown(name)}, which comes from nothing")
        if not any(node.output):
            raise InputError(f"{named(node)} gives nothing a name")
        self.operators.check(node)
        for graph in graphs(node):
            self.graph(graph, scope)
        _check_arity(node)
        for name, known in zip(node.output, self.operators.results(node, scope), strict=True):
            if name:
                _define(scope, name, self._agreed(declared.get(name), known))

    def _agreed(self, declared: onnx.ValueInfoProto | None, known: Known) -> Known:
        """What is computed and what is declared, which must not be of another type."""
        if declared is None or not declared.type.WhichOneof("value"):
            return known
        if known.type is None or not known.type.WhichOneof("value"):
            return Known(declared.type)
        here, there = declared.type, known.type
        kinds = [kind.WhichOneof("value") for kind in (here, there)]
        elements = [kind.tensor_type.elem_type for kind in (here, there)]
        if kinds[0] != kinds[1] or (all(elements) and elements[0] != elements[1]):
            raise InputError(f"value {shown(declared.name)} is not of the type that is declared")
        sizes = [Known(kind).sizes for kind in (here, there)]
        if contradict(*sizes):
            self.corrections.append(
                f"declares {shown(declared.name)} as {shown(sizes[0])}, which is {shown(sizes[1])}"
            )
            here.tensor_type.ClearField("shape")
        return known


def contradict(first: list[int | None] | None, second: list[int | None] | None) -> bool:
    """Whether no tensor has both of these sizes."""
    if first is None or second is None:
        return False
    return len(first) != len(second) or any(
        a is not None and b is not None and a != b for a, b in zip(first, second, strict=True)
    )


def _enter_inputs(graph: onnx.GraphProto, scope: Scope) -> None:
    for value in graph.input:
        kind = value.type if value.type.WhichOneof("value") else None
        if kind is None and not scope.parents:
            raise InputError(f"input {shown(value.name)} has no type")
        _define(scope, value.name, Known(kind), shadows=True)
    inputs = set(scope.maps[0])
    if graph.sparse_initializer:
        raise InputError("has sparse initializers, which are not read: store them dense")
    for tensor in graph.initializer:
        known = constant(tensor)
        if tensor.name not in inputs:
            _define(scope, tensor.name, known, shadows=True)
            continue
        inputs.remove(tensor.name)
        given = scope[tensor.name]
        if given.type is not None and (
            given.type.tensor_type.elem_type != tensor.data_type
            or contradict(given.sizes, known.sizes)
        ):
            raise InputError(f"input {shown(tensor.name)} is not of its initializer's type")


def _open_negative(kind: onnx.TypeProto) -> None:
    """A size below 0 stands for one that is not known, as onnxruntime has it."""
    for axis in kind.tensor_type.shape.dim:
        if axis.dim_value < 0:
            axis.Clear()


def _define(scope: Scope, name: str, known: Known, *, shadows: bool = False) -> None:
    if not name:
        raise InputError("an input or initializer has no name")
    if name in (scope.maps[0] if shadows else scope):
        raise InputError(f"the name {shown(name)} is given to two values")
    scope[name] = known


def arrange(graph: onnx.GraphProto | onnx.FunctionProto, scope: Scope) -> None:
    """Put nodes behind those that they read from, as onnxruntime does; circles are refused."""
    makers = {name: k for k, node in enumerate(graph.node) for name in node.output if name}
    sources = [
        {makers[name] for name in reads(node) if name in makers and name not in scope.maps[0]}
        for node in graph.node
    ]
    if all(source < k for k, all_of in enumerate(sources) for source in all_of):
        return
    try:
        order = list(TopologicalSorter(dict(enumerate(sources))).static_order())
    except CycleError as error:
        raise InputError(f"{named(graph.node[error.args[1][0]])} reads its own result") from error
    nodes = [onnx.NodeProto.FromString(graph.node[k].SerializeToString()) for k in order]
    del graph.node[:]
    graph.node.extend(nodes)


def _check_arity(node: onnx.NodeProto) -> None:
    """A node's graphs take and give as many values as it has inputs and outputs."""
    given, made = len(node.input), len(node.output)
    for graph in graphs(node) if node.domain in STANDARD else ():
        arity = len(graph.input), len(graph.output)
        fits = {
            "If": arity == (0, made),
            "Loop": arity[0] == max(given, 2) and arity[1] == made + 1,
            "Scan": arity[0] in (given, given - 1) and arity[1] == made,
        }.get(node.op_type, True)
        if not fits:
            raise InputError(
                f"{named(node)} has {given} inputs and {made} outputs, and its graph "
                f"{shown(graph.name)} {arity[0]} and {arity[1]}"
            )
