"""What a rewritten layer cannot do itself, beside it: scales, and axes that it does not have."""

from math import prod

import numpy as np
import onnx_ir as ir

from onebyone.rewriting.onnx.editor import Editor
from onebyone.rewriting.onnx.value_sizes import Sizes, known, sizes_of


def is_plain(gemm: ir.Node) -> bool:
    """Whether a convolution does all that a Gemm does: no scale, and C is a bias or none."""
    added = gemm.inputs[2] if len(gemm.inputs) > 2 else None
    bias = added is None or sizes_of(added) == known(gemm.outputs[0])[1:]
    return bias and all(gemm.attributes.get_float(name, 1.0) == 1 for name in ("alpha", "beta"))


def scaled(editor: Editor, gemm: ir.Node, y: ir.Value) -> ir.Value:
    """alpha·y + beta·C, beside a convolution without bias."""
    sizes, name = known(gemm.outputs[0]), gemm.outputs[0].name
    added = gemm.inputs[2] if len(gemm.inputs) > 2 else None
    alpha, beta = gemm.attributes.get_float("alpha", 1.0), gemm.attributes.get_float("beta", 1.0)

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


def merge_positions(editor: Editor, x: ir.Value, channels: int, before: ir.Node) -> ir.Value:
    """[d0, ..., C] as [d0, positions, C]."""
    sizes, name = known(x), f"{x.name}/merged"
    positions = sizes[1:-1]
    fixed = [k for k in positions if isinstance(k, int)]
    joined = prod(fixed) if len(fixed) == len(positions) else None
    target = (sizes[0], joined, channels)
    if _is_plain(target):
        return _reshaped(editor, x, target, before, name)
    # Flattened before, since a 0 in a target stands for the size that is there.
    flat = editor.add("Flatten", [x], before, name=f"{name}/flat")
    shape = _computed(editor, x, channels, before, name, merged=True)
    return editor.add("Reshape", [flat, shape], before, name=name, sizes=target)


def split_positions(
    editor: Editor, y: ir.Value, outputs: int, x: ir.Value, before: ir.Node
) -> ir.Value:
    """[d0, positions, O] with the axes that x has."""
    target, name = (*known(x)[:-1], outputs), f"{y.name}/split"
    if _is_plain(target):
        return _reshaped(editor, y, target, before, name)
    shape = _computed(editor, x, outputs, before, name, merged=False)
    # Sizes of 0 are themselves; before opset 14 they are those that are there, right for the first.
    attributes = {"allowzero": 1} if editor.opset >= 14 else {}
    return editor.add("Reshape", [y, shape], before, name=name, sizes=target, attributes=attributes)


def _is_plain(target: Sizes) -> bool:
    """Whether numbers and one -1 say it, for every size: a -1 cannot stand beside a 0."""
    return sum(not isinstance(k, int) for k in target) < 2 and 0 not in target


def _reshaped(
    editor: Editor, value: ir.Value, target: Sizes, before: ir.Node, name: str
) -> ir.Value:
    shape = [k if isinstance(k, int) else -1 for k in target]
    return editor.reshape(value, shape, before, name, target)


def _computed(
    editor: Editor, x: ir.Value, last: int, before: ir.Node, name: str, merged: bool
) -> ir.Value:
    """The shape of x with another last axis, its positions as one axis if they are merged."""
    whole = editor.add("Shape", [x], before, name=f"{name}/whole")
    whole.dtype = ir.DataType.INT64

    def cut(first: int, end: int, label: str) -> ir.Value:
        place = f"{name}/{label}"
        ends = [editor.numbers([k], f"{place}/{n}") for n, k in (("start", first), ("end", end))]
        return editor.add("Slice", [whole, *ends], before, name=place)

    if merged:
        first, positions = cut(0, 1, "first"), cut(1, -1, "positions")
        outer = [first, editor.add("ReduceProd", [positions], before, name=f"{name}/joined")]
    else:
        outer = [cut(0, -1, "positions")]
    parts = [*outer, editor.numbers([last], f"{name}/channels")]
    return editor.add("Concat", parts, before, name=f"{name}/shape", attributes={"axis": 0})
