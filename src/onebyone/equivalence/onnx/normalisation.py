"""LayerNormalization written as the operators that ONNX defines it by, which know no last axis."""

import numpy as np
import onnx_ir as ir


def write_out(model: ir.Model, label: str) -> None:
    """Replace each LayerNormalization whose statistics nothing reads.

    New values' names begin with the label, so that no two files have one in common.
    """
    version = model.opset_imports.get("", model.opset_imports.get("ai.onnx", 1))
    for graph in model.graphs():
        for node in list(graph):
            if node.op_type == "LayerNormalization" and not node.domain:
                used = [v for v in node.outputs[1:] if v.uses() or v.is_graph_output()]
                x = node.inputs[0]
                if x is not None and x.shape is not None and not used:
                    _replace(graph, node, x, version, label)


def _replace(graph: ir.Graph, node: ir.Node, x: ir.Value, version: int, label: str) -> None:
    result, given = node.outputs[0], node.inputs[1:]
    assert x.shape is not None, "a normalisation of unknown rank is left"
    rank = x.shape.rank()
    axis = node.attributes.get_int("axis", -1)
    axes = list(range(axis if axis < 0 else axis - rank, 0))
    epsilon = node.attributes.get_float("epsilon", 1e-5)

    def add(operator: str, *inputs: ir.Value, **attributes: list[int]) -> ir.Value:
        name = f"{label}:{result.name}/{len(made)}"
        made.append(ir.Value(name=name, type=x.type))
        step = f"{node.name}/{len(made)}"
        graph.insert_before(
            node, ir.node(operator, inputs, attributes, outputs=made[-1:], name=step)
        )
        return made[-1]

    def constant(array: np.ndarray) -> ir.Value:
        name = f"{label}:{result.name}/constant {len(made)}"
        value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
        graph.register_initializer(value)
        return value

    def mean(value: ir.Value) -> ir.Value:
        if version < 18:
            return add("ReduceMean", value, axes=axes)
        return add("ReduceMean", value, constant(np.array(axes)))

    made: list[ir.Value] = []
    deviation = add("Sub", x, mean(x))
    variance = mean(add("Mul", deviation, deviation))
    spread = add("Sqrt", add("Add", variance, constant(np.array(epsilon, np.float32))))
    y = add("Div", deviation, spread)
    for operator, value in zip(("Mul", "Add"), given, strict=False):
        if value is not None:
            y = add(operator, y, value)
    name, y.shape = result.name, result.shape
    result.replace_all_uses_with(y, replace_graph_outputs=True)
    graph.remove(node, safe=True)
    result.name, y.name = None, name
