"""Where a file quantises and dequantises, moved and made alike before parts of it are joined."""

import numpy as np
import onnx
from onnx import TensorProto
from onnx.helper import make_node

from onebyone.models.onnx.quantised_values import (
    BYTES,
    MOVING,
    Quantised,
    Values,
    is_dequantising,
    is_quantising,
)


def spread(values: Values) -> None:
    """Quantise and dequantise on either side of operators that only move numbers.

    What computes comes to lie between both so. Not one number changes by that.
    """
    for node in list(values.graph.node):
        if node.op_type in MOVING and len(node.output) == 1:
            start = values.dequantised(node.input[0])
            if start is not None and start.is_one and start.kind in BYTES:
                _spread_behind(node, start, values)
    for node in list(values.graph.node):
        last: onnx.NodeProto | None = node
        while last is not None:
            last = _spread_before(last, values)


def _spread_behind(node: onnx.NodeProto, start: Quantised, values: Values) -> None:
    result = node.output[0]
    quantising = sum(is_quantising(reader) for reader in values.readers.get(result, []))
    if values.uses(result) > quantising:
        values.remove(node)
        node.output[0], numbers = values.new(result), values.new(result)
        values.add(node)
        values.add(make_node("QuantizeLinear", [node.output[0], *start.parameters], [numbers]))
        values.add(make_node("DequantizeLinear", [numbers, *start.parameters], [result]))


def _spread_before(node: onnx.NodeProto, values: Values) -> onnx.NodeProto | None:
    """Quantise also before what only moves the numbers that a node quantises, and nobody else's."""
    end = values.quantised(node)
    mover = None if end is None else values.makers.get(node.input[0])
    if end is None or mover is None or mover.op_type not in MOVING or len(mover.output) > 1:
        return None
    source = mover.input[0]
    alone = [values.only_reader(name) for name in (node.input[0], source)] == [node, mover]
    if not alone or values.dequantised(source) is not None:
        return None
    values.remove(mover)
    numbers, mover.input[0] = values.new(source), values.new(source)
    before = make_node("QuantizeLinear", [source, *end.parameters], [numbers])
    values.add(before)
    values.add(make_node("DequantizeLinear", [numbers, *end.parameters], [mover.input[0]]))
    values.add(mover)
    return before


def unsigned(values: Values) -> None:
    """Make int8 activations that one node reads uint8, as onnxruntime does on x86."""
    for node in values.graph.node:
        end, reader = values.quantised(node), values.only_reader(node.output[0])
        if end is None or end.kind != TensorProto.INT8 or reader is None:
            continue
        if not is_dequantising(reader) or values.uses(reader.output[0]) != 1:
            continue
        zeros = [values.number(name) for n in (node, reader) for name in n.input[2:]]
        if len(zeros) == 2 and zeros[0] is not None and zeros[0] == zeros[1]:
            zero = values.store(np.array(int(zeros[0]) + 128, np.uint8))
            node.input[2] = reader.input[2] = zero
