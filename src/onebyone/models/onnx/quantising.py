"""Parts of an ONNX file that dequantise, compute and quantise, as one operator of integers each.

These are the parts that onnxruntime's sessions on x86 compute with integers, and no others: what
rounds otherwise would give other scores. Arm's also take parts of int8 activations.
"""

from collections.abc import Sequence
from pathlib import Path

import onnx
from onnx import TensorProto
from onnx.helper import make_attribute, make_node

from onebyone.models.onnx.quantised_values import (
    BYTES,
    COPYING,
    Quantised,
    Values,
    is_dequantising,
    is_quantising,
)
from onebyone.models.onnx.requantising import spread, unsigned

_MICROSOFT = "com.microsoft"
_OF_ONE = ("AveragePool", "GlobalAveragePool", "LeakyRelu", "Sigmoid", "Softmax")
_OF_TWO = ("Add", "Mul")
_ALMOST = 2.0**-23
"""What a Clip may cut off more than quantising."""
_LIMITS: dict[int, tuple[int, int]] = {
    int(TensorProto.UINT8): (0, 255),
    int(TensorProto.INT8): (-128, 127),
}


def quantising(graph: onnx.GraphProto, version: int, path: Path) -> None:
    """Rewrite the quantised parts of a graph in place.

    Args:
        graph: of a valid file.
        version: of ONNX's operators.
        path: the file.
    """
    if not any(is_quantising(node) or is_dequantising(node) for node in graph.node):
        return
    values = Values(graph, path)
    spread(values)
    values.write()
    values = Values(graph, path)
    unsigned(values)
    for made in [_fused(node, values, version) for node in graph.node]:
        if made is not None:
            values.add(made)
    values.write()


def _fused(node: onnx.NodeProto, values: Values, version: int) -> onnx.NodeProto | None:
    """The operator of integers that a node becomes with those around it; None where it stays."""
    inputs = [values.dequantised(name) for name in node.input if name]
    end = _end(node, values)
    if not inputs or len(node.output) > 1:
        return None
    if node.op_type in COPYING:
        return _moved(node, inputs, values)
    made = None
    if node.op_type == "Conv" and end is not None:
        made = _convolution(node, inputs, end, values)
    elif node.op_type == "Gemm":
        made = _gemm(node, inputs, end, values)
    elif None in inputs:
        return None
    elif node.op_type == "MatMul":
        made = _product(node, inputs, end, values)
    elif end is not None and {q.kind for q in inputs if q} == {end.kind} <= BYTES:
        made = _others(node, [q for q in inputs if q], end, version)
    return made


def _end(node: onnx.NodeProto, values: Values) -> Quantised | None:
    """What quantises a node's result, and nothing else reads that.

    A Relu or Clip between that quantising does as well goes.
    """
    reader = values.only_reader(node.output[0])
    if reader is not None and reader.op_type in ("Relu", "Clip"):
        end = values.quantised(values.only_reader(reader.output[0]))
        return end if end is not None and _is_done_by(reader, end, values) else None
    return values.quantised(reader)


def _is_done_by(clip: onnx.NodeProto, end: Quantised, values: Values) -> bool:
    """Whether quantising cuts off at least as much as a Relu or Clip does."""
    zero, scale = values.number(end.zero_point), values.number(end.scale)
    if zero is None or scale is None or end.kind not in _LIMITS:
        return False
    least, most = _LIMITS[end.kind]
    if clip.op_type == "Relu":
        return zero == least
    given = {a.name: a.f for a in clip.attribute}
    low, high = given.get("min", float("-inf")), given.get("max", float("inf"))
    names = [*clip.input, "", ""]
    low = values.number(names[1]) if names[1] else low
    high = values.number(names[2]) if names[2] else high
    if low is None or high is None:
        return False
    return low <= (least - zero) * scale + _ALMOST and high >= (most - zero) * scale - _ALMOST


def _moved(
    node: onnx.NodeProto, inputs: Sequence[Quantised | None], values: Values
) -> onnx.NodeProto | None:
    """What only moves numbers, of integers, where they are quantised alike before and behind."""
    start, end = inputs[0], values.quantised(values.only_reader(node.output[0]))
    alike = start is not None and end is not None and values.is_same(start, end)
    if start is None or end is None or not alike or any(inputs[1:]) or start.kind not in BYTES:
        return None
    return _node(node.op_type, [start.numbers, *node.input[1:]], node, end.numbers, domain="")


def _are_weights(image: Quantised, weight: Quantised) -> bool:
    """Whether onnxruntime multiplies integers of these types: on x86 not int8 activations."""
    return image.kind == TensorProto.UINT8 and weight.kind in BYTES and image.is_one


def _bias(
    node: onnx.NodeProto, inputs: Sequence[Quantised | None], values: Values
) -> tuple[bool, str]:
    """Whether a node's bias can be of 32 bits, and its name; numbers of floats are quantised."""
    if len(node.input) < 3 or not node.input[2]:
        return True, ""
    image, weight, bias = inputs
    if bias is not None:
        return bias.kind == TensorProto.INT32, bias.numbers
    assert image is not None
    assert weight is not None
    found = values.quantised_bias(node.input[2], image.scale, weight.scale)
    return found is not None, found or ""


def _convolution(
    node: onnx.NodeProto, inputs: Sequence[Quantised | None], end: Quantised, values: Values
) -> onnx.NodeProto | None:
    image, weight = inputs[:2]
    if image is None or weight is None or not _are_weights(image, weight):
        return None
    fits, bias = _bias(node, inputs, values)
    if not fits or end.kind != image.kind or not (weight.is_one or weight.axis == 0):
        return None
    taken = [*image.inputs, *weight.inputs, *end.parameters]
    return _node("QLinearConv", [*taken, bias] if bias else taken, node, end.numbers, domain="")


def _gemm(
    node: onnx.NodeProto,
    inputs: Sequence[Quantised | None],
    end: Quantised | None,
    values: Values,
) -> onnx.NodeProto | None:
    image, weight = inputs[:2]
    given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if image is None or weight is None or not image.is_one or given.get("beta", 1.0) != 1:
        return None
    types = {image.kind, weight.kind}
    fits = types <= BYTES and (image.kind == TensorProto.UINT8 or len(types) == 1)
    by_outputs = weight.is_one or weight.axis == (0 if given.get("transB") else 1)
    if not fits or not by_outputs or (end is None and values.is_quantised_after(node.output[0])):
        return None
    if len(inputs) > 2 and inputs[2] is None and end is None:
        return None
    bias_fits, bias = _bias(node, inputs, values)
    if not bias_fits or (end is not None and end.kind != image.kind):
        return None
    taken = [*image.inputs, *weight.inputs, bias]
    if end is not None:
        taken += end.parameters
    output = node.output[0] if end is None else end.numbers
    made = _node("QGemm", taken, node, output)
    kept = [a for a in made.attribute if a.name != "beta"]
    del made.attribute[:]
    made.attribute.extend(kept)
    return made


def _product(
    node: onnx.NodeProto,
    inputs: Sequence[Quantised | None],
    end: Quantised | None,
    values: Values,
) -> onnx.NodeProto | None:
    a, b = inputs
    assert a is not None
    assert b is not None
    if not _are_weights(a, b) or not (b.is_one or b.axis == values.last_axis(b.numbers)):
        return None
    if end is not None:
        if end.kind != a.kind:
            return None
        taken = [*a.inputs, *b.inputs, *end.parameters]
        return _node("QLinearMatMul", taken, node, end.numbers, domain="")
    if values.is_quantised_after(node.output[0]):
        return None
    pairs = zip(a.inputs, b.inputs, strict=True)
    taken = [name for pair in pairs for name in pair]
    return _node("MatMulIntegerToFloat", taken, node, node.output[0])


def _others(
    node: onnx.NodeProto, inputs: Sequence[Quantised], end: Quantised, version: int
) -> onnx.NodeProto | None:
    if not all(q.is_one for q in (*inputs, end)):
        return None
    each = [name for q in inputs for name in q.inputs]
    name = f"QLinear{node.op_type}"
    if node.op_type == "Concat":
        return _node(name, [*end.parameters, *each], node, end.numbers)
    dilated = any(a.name == "dilations" for a in node.attribute)
    if node.op_type not in (*_OF_ONE, *_OF_TWO) or dilated:
        return None
    made = _node(name, [*each, *end.parameters], node, end.numbers)
    if node.op_type == "Softmax":
        since = onnx.defs.get_schema("Softmax", version).since_version
        made.attribute.append(make_attribute("opset", since))
    return made


def _node(
    name: str,
    inputs: Sequence[str],
    like: onnx.NodeProto,
    output: str,
    *,
    domain: str = _MICROSOFT,
) -> onnx.NodeProto:
    made = make_node(name, inputs, [output], name=like.name, domain=domain)
    made.attribute.extend(like.attribute)
    return made
