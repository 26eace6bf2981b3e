"""Where a file quantises and dequantises, moved and made alike before parts of it are joined."""

import numpy as np
import onnx
from onnx import TensorProto
from onnx.helper import make_node

from onebyone.models.onnx.quantised_values import (
    BYTES,
    COPYING,
    MOVING,
    Quantised,
    Values,
    is_dequantising,
)


def moved(values: Values) -> None:
    """Let operators that only move numbers do so with integers.

    Dequantising goes behind them and quantising before them, so that what computes comes to lie
    between both. Not one number changes by that.
    """
    for node in list(values.graph.node):
        if node.op_type in COPYING and len(node.output) == 1:
            start = values.dequantised(node.input[0])
            if start is not None and start.is_one and start.kind in BYTES:
                _dequantised_after(node, start, values)
    for node in list(values.graph.node):
        while (mover := _mover_before(node, values)) is not None:
            _quantised_before(node, mover, values)


def _dequantised_after(node: onnx.NodeProto, start: Quantised, values: Values) -> None:
    reader = values.only_reader(node.output[0])
    end = values.quantised(reader)
    if end is not None and not values.is_same(start, end):
        return
    if end is None and node.op_type not in MOVING:
        return
    result = node.output[0] if end is None else end.numbers
    numbers = result if end is not None else values.new(result)
    values.remove(node)
    node.input[0], node.output[0] = start.numbers, numbers
    if reader is not None and end is not None:
        values.remove(reader)
    values.add(node)
    if end is None:
        values.add(make_node("DequantizeLinear", [numbers, *start.parameters], [result]))


def _mover_before(node: onnx.NodeProto, values: Values) -> onnx.NodeProto | None:
    """What only moves the numbers that a node quantises, of which nothing else reads any."""
    if values.quantised(node) is None or values.only_reader(node.input[0]) is not node:
        return None
    mover = values.makers.get(node.input[0])
    if mover is None or mover.op_type not in MOVING or len(mover.output) > 1:
        return None
    before = values.makers.get(mover.input[0])
    alone = values.only_reader(mover.input[0]) is mover
    return mover if alone and not (before and is_dequantising(before)) else None


def _quantised_before(node: onnx.NodeProto, mover: onnx.NodeProto, values: Values) -> None:
    source, result = mover.input[0], node.output[0]
    values.remove(node)
    values.remove(mover)
    numbers = values.new(source)
    node.input[0], node.output[0] = source, numbers
    mover.input[0], mover.output[0] = numbers, result
    values.add(node)
    values.add(mover)


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
