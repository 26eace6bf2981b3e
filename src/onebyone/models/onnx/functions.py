"""Functions that an ONNX file defines: valid bodies, no circles, and no explosion of nodes."""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

import onnx

from onebyone.errors import InputError
from onebyone.models.onnx.graphs import Reader, arrange
from onebyone.models.onnx.nodes import STANDARD, UNKNOWN, Known, every, named
from onebyone.models.onnx.versions import versions
from onebyone.models.shown import shown

Key = tuple[str, str, str]
Nodes = Iterable[onnx.NodeProto]

MOST_NODES = 1_000_000
"""A file may stand for so many nodes once its functions are written out where they are called."""


def key(function: onnx.FunctionProto) -> Key:
    """By what nodes call a function: domain, name and overload."""
    return function.domain, function.name, function.overload


def check_functions(model: onnx.ModelProto, reader: Reader) -> None:
    """Refuse functions of a model that are not valid, or whose calls make too many nodes."""
    functions = {key(function): function for function in model.functions}
    if len(functions) < len(model.functions):
        raise InputError("two functions have one name")
    for function in functions.values():
        if function.domain in STANDARD:  # some would read the function there, some the operator
            raise InputError(f"defines {shown(function.name)} in ONNX's own domain")
        _check_body(function, reader)
    for node in every(*model.graph.node, *(n for f in model.functions for n in f.node)):
        called = functions.get((node.domain, node.op_type, node.overload))
        if called is not None and (
            len(node.input) > len(called.input) or len(node.output) > len(called.output)
        ):
            raise InputError(f"{named(node)} does not fit the function that it calls")
    calls = {name: list(_calls(f.node, functions)) for name, f in functions.items()}
    try:
        order = list(TopologicalSorter(calls).static_order())
    except CycleError as error:
        raise InputError(f"the function {shown(error.args[1][0][1])} calls itself") from error
    nodes: dict[Key, int] = {}
    for name in order:
        nodes[name] = _count(functions[name].node) + sum(nodes[called] for called in calls[name])
    total = _count(model.graph.node)
    total += sum(nodes[called] for called in _calls(model.graph.node, functions))
    if total > MOST_NODES:
        raise InputError(f"its functions make more than {MOST_NODES} nodes of it")


def _check_body(function: onnx.FunctionProto, reader: Reader) -> None:
    name = shown(function.name)
    own = replace(reader.operators, versions=versions(function.opset_import), in_function=True)
    inside = Reader(own, reader.corrections)
    scope: ChainMap[str, Known] = ChainMap(dict.fromkeys(function.input, UNKNOWN))
    if len(scope) < len(function.input) or "" in scope:
        raise InputError(f"the function {name} has inputs without a name of their own")
    try:
        arrange(function, scope)
        for node in function.node:
            inside.node(node, scope, {})
    except InputError as error:
        raise InputError(f"in the function {name}: {error}") from error
    for output in function.output:
        if output not in scope:
            raise InputError(f"the function {name} gives {shown(output)}, which comes from nothing")


def _count(nodes: Nodes) -> int:
    return sum(1 for _ in every(*nodes))


def _calls(nodes: Nodes, functions: Mapping[Key, onnx.FunctionProto]) -> Iterator[Key]:
    called = ((node.domain, node.op_type, node.overload) for node in every(*nodes))
    return (name for name in called if name in functions)
