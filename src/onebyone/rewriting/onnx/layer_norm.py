"""LayerNormalization as the operators that ONNX defines it by.

The operator itself normalises the last axes and no others; a reduction takes any axis.
"""

import numpy as np
import onnx_ir as ir

from onebyone.rewriting.onnx.editor import Editor
from onebyone.rewriting.onnx.names import became

OPERATOR = "LayerNormalization"


def write_out(editor: Editor, node: ir.Node, axis: int) -> None:
    """Write a normalisation over one axis; its node stays, as the last of the operators.

    Its scale and bias lie along the axis already.
    """
    x, *given = (value for value in node.inputs if value is not None)
    assert x is not None
    label = became(node.name, OPERATOR, "{}")
    epsilon = np.array(node.attributes.get_float("epsilon", 1e-5), np.float32)
    least = editor.numbers(epsilon, label.format("epsilon"))
    axes = None if editor.opset < 18 else editor.numbers([axis], label.format("axes"))

    def add(operator: str, *inputs: ir.Value) -> ir.Value:
        return editor.add(operator, inputs, node, name=label.format(operator))

    def mean(value: ir.Value) -> ir.Value:
        if axes is not None:
            return add("ReduceMean", value, axes)
        name = label.format("ReduceMean")
        return editor.add("ReduceMean", [value], node, name=name, attributes={"axes": [axis]})

    deviation = add("Sub", x, mean(x))
    spread = add("Sqrt", add("Add", mean(add("Mul", deviation, deviation)), least))
    y = add("Div", deviation, spread)
    *before, last = zip(("Mul", "Add"), given, strict=False)
    for operator, value in before:
        y = add(operator, y, value)
    node.attributes.clear()
    node.resize_inputs(2)
    node.op_type, values = last[0], (y, last[1])
    for place, value in enumerate(values):
        node.replace_input_with(place, value)
    node.name = editor.names.fresh(label.format(node.op_type))
