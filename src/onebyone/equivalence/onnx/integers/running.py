"""A region of a file in onnxruntime, with integers for its weights."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from onebyone.equivalence.onnx.constants import constant_of
from onebyone.equivalence.onnx.integers.draws import Draw
from onebyone.equivalence.onnx.integers.regions import EXACT, LINEAR, Region, leaves_integers
from onebyone.equivalence.onnx.runtime import Feeds, outputs, session

QUANTISING = ("QuantizeLinear", "DequantizeLinear")
SIXTEENTH = "one sixteenth"
"""Activations tell most near zero; a power of two keeps integers exact."""
REAL = ("Clip", *QUANTISING)
"""Exact operators some of whose constants must keep their meaning."""
LARGE = 1 << 20
"""Bytes of inputs and weights from which a region runs on all cores."""


def run(
    region: Region, feeds: Feeds, draw: Draw, *, bounded: bool = False
) -> tuple[np.ndarray, float]:
    """The region's result, and the largest sum in it over the largest exact integer.

    The sum is of absolute products in a linear layer; 0 unless `bounded`. Weights are inputs here,
    so that drawing them anew makes no other session.
    """
    nodes: list[onnx.NodeProto] = []
    held: dict[str, onnx.TensorProto] = {}
    given = {name: feeds[name] for name in region.starts}
    limits: dict[str, float] = {}
    for number, node in enumerate(region.nodes):
        proto = ir.serde.serialize_node(node)
        _put_integers(proto, node, f"constant {number}", draw, held, given)
        limit = _limit(node) if bounded and node.op_type in LINEAR else 0.0
        if limit:
            limits[f"sums {number}"] = limit
            nodes.extend(_sums(proto, f"sums {number}"))
        if leaves_integers(node):
            element = ir.DataType.FLOAT if node.outputs[0].dtype is None else node.outputs[0].dtype
            held[SIXTEENTH] = onnx.helper.make_tensor(SIXTEENTH, int(element), [], [1 / 16])
            nodes.extend(_rounded(proto))
        else:
            nodes.append(proto)
    inputs = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in given.items()
    ]
    ends = [onnx.ValueInfoProto(name=name) for name in (region.end, *limits)]
    graph = onnx.helper.make_graph(nodes, "region", inputs, ends, list(held.values()))
    owner = region.nodes[0].graph
    assert owner is not None, "a node of a file is in its graph"
    imports = [onnx.helper.make_opsetid(d, v) for d, v in owner.opset_imports.items()]
    model = onnx.helper.make_model(graph, opset_imports=imports, ir_version=10)
    large = sum(array.nbytes for array in given.values()) > LARGE
    results = outputs(_session(model.SerializeToString(), large), given)
    sums = (float(results[name].max(initial=0)) / limit for name, limit in limits.items())
    return results[region.end], max(sums, default=0.0)


@lru_cache(maxsize=4)
def _session(model: bytes, parallel: bool) -> Any:
    return session(model, optimised=False, parallel=parallel)


def _limit(layer: ir.Node) -> float:
    """The largest integer up to which the layer's type has all; 0 for integers, which have all."""
    element = layer.outputs[0].dtype or ir.DataType.FLOAT
    return 2.0 ** (np.finfo(element.numpy()).nmant + 1) if element.is_floating_point() else 0.0


def _sums(layer: onnx.NodeProto, end: str) -> Iterator[onnx.NodeProto]:
    """A layer on the absolute values of what it reads, in single precision."""
    sums = onnx.NodeProto()
    sums.CopyFrom(layer)
    sums.name, sums.output[:] = end, [end]
    for index, name in enumerate(layer.input):
        if name:
            single, sums.input[index] = f"{end}/single {index}", f"{end}/absolute {index}"
            yield onnx.helper.make_node("Cast", [name], [single], to=onnx.TensorProto.FLOAT)
            yield onnx.helper.make_node("Abs", [single], [sums.input[index]])
    yield sums


def _put_integers(
    proto: onnx.NodeProto,
    node: ir.Node,
    label: str,
    draw: Draw,
    held: dict[str, onnx.TensorProto],
    given: Feeds,
) -> None:
    """Let a node read constants of its own: drawn ones are given, others held."""
    factors = _factors(proto, draw) if node.op_type == "Gemm" else {}
    for index, value in enumerate(node.inputs):
        tensor = None if value is None else constant_of(value)
        if tensor is None:
            continue
        name = proto.input[index] = f"{label}.{index}"
        array = np.asarray(tensor.numpy())
        if np.issubdtype(array.dtype, np.floating) and node.op_type in EXACT:
            if node.op_type in QUANTISING and index == 1:
                given[name] = draw.scale(array)
            elif index in factors:
                factor = array.dtype.type(factors[index])
                given[name] = draw.weights(np.asarray(array * factor, array.dtype))
            else:
                given[name] = array if node.op_type in REAL else draw.constant(tensor, array)
        else:
            # Its numbers, not their place: a region has no folder.
            here = ir.Tensor(array, dtype=tensor.dtype, name=name)
            held[name] = ir.serde.serialize_tensor(here)


def _factors(proto: onnx.NodeProto, draw: Draw) -> dict[int, float]:
    """What the constants of a Gemm are multiplied by; its own alpha and beta become integers."""
    factors = {}
    for attribute in proto.attribute:
        index = {"alpha": 1, "beta": 2}.get(attribute.name)
        if index is not None and attribute.f != 1:
            if draw.folded:
                factors[index], attribute.f = attribute.f, 1.0
            else:
                attribute.f = float(draw.weights(np.array(attribute.f, np.float32)))
    return factors


def _rounded(proto: onnx.NodeProto) -> list[onnx.NodeProto]:
    """A node on a sixteenth of its first input, with sixteen times its first result rounded.

    A quotient is small already.
    """
    start, end = proto.input[0], proto.output[0]
    small, inner = f"{end}/small", f"{end}/inexact"
    quotient = proto.op_type == "Div"
    proto.input[0], proto.output[0] = start if quotient else small, inner
    return [
        *([] if quotient else [onnx.helper.make_node("Mul", [start, SIXTEENTH], [small])]),
        proto,
        onnx.helper.make_node("Div", [inner, SIXTEENTH], [f"{end}/large"]),
        onnx.helper.make_node("Round", [f"{end}/large"], [end]),
    ]
