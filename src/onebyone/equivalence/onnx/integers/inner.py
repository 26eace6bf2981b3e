"""Graphs within nodes, each compared as a file of its own."""

from collections.abc import Collection, Iterator
from pathlib import Path

import onnx
import onnx_ir as ir

from onebyone.equivalence.onnx.bodies import bodies, captured
from onebyone.equivalence.onnx.constants import constant_of
from onebyone.models.onnx.tensors import embed

Pair = tuple[onnx.ModelProto, onnx.ModelProto]


def pairs(
    before: ir.Model, after: ir.Model, ignored: Collection[str]
) -> Iterator[tuple[str, Pair | None]]:
    """Graphs within nodes of one file and those in their place in the other, each as a model.

    Yields:
        Which graph it is; both, or None where the other file has none that reads and makes values
        of the same names, `ignored` ones aside.
    """
    names = [set(ir.convenience.create_value_mapping(m.graph)) for m in (before, after)]
    common = (names[0] & names[1]) - set(ignored)
    nodes = {node.outputs[0].name: node for node in after.graph}
    for node in before.graph:
        other = nodes.get(node.outputs[0].name)
        theirs = bodies(other) if other is not None and other.op_type == node.op_type else {}
        for name, graph in bodies(node).items():
            match, pair = theirs.get(name), None
            if match is not None and _interface(graph) == _interface(match):
                read = {
                    value.name for value in captured(graph, match) if constant_of(value) is None
                }
                if read <= common:
                    pair = _alone(graph, before), _alone(match, after)
            yield f"{name} of {node.op_type} {node.name or node.outputs[0].name}", pair


def _interface(graph: ir.Graph) -> list[list[str | None]]:
    return [[value.name for value in values] for values in (graph.inputs, graph.outputs)]


def _alone(graph: ir.Graph, model: ir.Model) -> onnx.ModelProto:
    """A graph within a node as a model, whose inputs are also the values that it captures."""
    proto = ir.serde.serialize_graph(graph)
    for value in captured(graph):
        tensor = constant_of(value)
        if tensor is None:
            proto.input.append(ir.serde.serialize_value(value))
        else:
            held = ir.Tensor(tensor.numpy(), dtype=tensor.dtype, name=value.name)
            proto.initializer.append(ir.serde.serialize_tensor(held))
    versions = model.opset_imports.items()
    imports = [onnx.helper.make_opsetid(domain, version) for domain, version in versions]
    made = onnx.helper.make_model(proto, opset_imports=imports, ir_version=10)
    embed(made)
    return made


def save(pair: Pair, folder: Path) -> tuple[Path, Path]:
    """Write both as files; each is given what either reads, so that a run can tell what differs."""
    given = {value.name: value for model in pair for value in model.graph.input}
    paths = folder / "before.onnx", folder / "after.onnx"
    for model, path in zip(pair, paths, strict=True):
        has = {value.name for value in model.graph.input}
        model.graph.input.extend(given[name] for name in sorted(given.keys() - has))
        onnx.save(model, path)
    return paths
