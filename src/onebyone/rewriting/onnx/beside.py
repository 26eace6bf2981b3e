"""What a rewritten layer cannot do itself, beside it: scales, and axes that it does not have."""

import numpy as np
import onnx_ir as ir

from onebyone.rewriting.onnx.editor import Editor
from onebyone.rewriting.onnx.layer import known
from onebyone.rewriting.onnx.sizes import sizes_of


def is_plain(gemm: ir.Node) -> bool:
    """Whether a convolution does all that a Gemm does: no scale, and C is a bias or none."""
    added = gemm.inputs[2] if len(gemm.inputs) > 2 else None
    bias = added is None or sizes_of(added) == known(gemm.outputs[0])[1:]
    return bias and _float(gemm, "alpha") == 1 and _float(gemm, "beta") == 1


def scaled(editor: Editor, gemm: ir.Node, y: ir.Value) -> ir.Value:
    """alpha·y + beta·C, beside a convolution without bias."""
    sizes, name = known(gemm.outputs[0]), gemm.outputs[0].name
    added = gemm.inputs[2] if len(gemm.inputs) > 2 else None
    alpha, beta = _float(gemm, "alpha"), _float(gemm, "beta")

    def times(value: ir.Value, factor: float, label: str) -> ir.Value:
        if factor == 1:
            return value
        dtype = value.dtype or ir.DataType.FLOAT
        constant = editor.numbers(np.array(factor, dtype.numpy()), f"{name}/{label}")
        inputs = [value, constant]
        sized = sizes_of(value)
        return editor.add("Mul", inputs, gemm, name=f"{name}/Mul_{label}", sizes=sized)

    y = times(y, alpha, "alpha")
    if added is None or beta == 0:
        return y
    total = [y, times(added, beta, "beta")]
    return editor.add("Add", total, gemm, name=f"{name}/Add", sizes=sizes)


def merged(editor: Editor, x: ir.Value, channels: int, before: ir.Node) -> ir.Value:
    """[d0, ..., C] as [d0, positions, C]."""
    sizes = known(x)
    shape = editor.numbers([0, -1, channels], f"{x.name}/merged/shape")
    joined = (sizes[0], None, channels)
    return editor.add("Reshape", [x, shape], before, name=f"{x.name}/merged", sizes=joined)


def split(editor: Editor, y: ir.Value, outputs: int, x: ir.Value, before: ir.Node) -> ir.Value:
    """[d0, positions, O] with the axes that x has."""
    sizes, name = known(x), f"{y.name}/split"
    dynamic = [k for k in sizes[1:-1] if not isinstance(k, int)]
    if len(dynamic) <= 1:
        inner = [k if isinstance(k, int) else -1 for k in sizes[1:-1]]
        shape = editor.numbers([0, *inner, outputs], f"{name}/shape")
    else:
        whole = editor.add("Shape", [x], before, name=f"{name}/whole")
        whole.dtype = ir.DataType.INT64
        ends = [editor.numbers([k], f"{name}/{n}") for n, k in (("first", 0), ("last", -1))]
        inner_shape = editor.add("Slice", [whole, *ends], before, name=f"{name}/positions")
        last = editor.numbers([outputs], f"{name}/channels")
        shape = editor.add(
            "Concat", [inner_shape, last], before, name=f"{name}/shape", attributes={"axis": 0}
        )
    return editor.add("Reshape", [y, shape], before, name=name, sizes=(*sizes[:-1], outputs))


def _float(node: ir.Node, name: str) -> float:
    return node.attributes[name].as_float() if name in node.attributes else 1.0
