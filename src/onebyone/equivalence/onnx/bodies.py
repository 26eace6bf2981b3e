"""Graphs within nodes: the branches of an If, the bodies of a Loop or a Scan."""

from collections.abc import Collection, Iterator

import onnx
import onnx_ir as ir

from onebyone.equivalence.onnx.constants import constant_of
from onebyone.models.onnx_tensors import embed

Model = onnx.ModelProto


def bodies(node: ir.Node) -> dict[str, ir.Graph]:
    """The graphs within a node by the names of its attributes, sorted."""
    return {
        name if one else f"{name} {number}": graph
        for name, attribute in sorted(node.attributes.items())
        if (one := attribute.type == ir.AttributeType.GRAPH)
        or attribute.type == ir.AttributeType.GRAPHS
        for number, graph in enumerate([attribute.value] if one else attribute.value)
    }


def captured(*graphs: ir.Graph) -> list[ir.Value]:
    """What graphs within a node read from outside, by name."""
    steps = [step for graph in graphs for step in ir.traversal.RecursiveGraphIterator(graph)]
    inside = {id(graph) for graph in graphs} | {id(step.graph) for step in steps}
    read = [value for step in steps for value in step.inputs if value is not None]
    read += [value for graph in graphs for value in graph.outputs]
    found = {str(value.name): value for value in read if id(value.graph) not in inside}
    return [found[name] for name in sorted(found)]


def reads(node: ir.Node) -> list[ir.Value | None]:
    """What a node reads, graphs within it included."""
    return [*node.inputs, *captured(*bodies(node).values())]


def pairs(
    before: ir.Model, after: ir.Model, ignored: Collection[str]
) -> Iterator[tuple[str, tuple[Model, Model] | None]]:
    """Graphs within nodes of one file and those in their place in the other, each as a model.

    Args:
        before: the original.
        after: the other file.
        ignored: names in both files that do not mean the same.

    Yields:
        Which graph it is; both, or None where the other file has none that reads and makes values
        of the same names.
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


def _alone(graph: ir.Graph, model: ir.Model) -> Model:
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
