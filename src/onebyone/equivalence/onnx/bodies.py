"""Graphs within nodes: the branches of an If, the bodies of a Loop or a Scan."""

import onnx_ir as ir


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
