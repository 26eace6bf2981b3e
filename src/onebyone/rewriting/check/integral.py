"""A region of a file in onnxruntime, with integers for its weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from onebyone.rewriting.check.constants import constant_of
from onebyone.rewriting.check.feeds import Feeds, outputs, session
from onebyone.rewriting.check.regions import EXACT, LINEAR, Region, leaves_integers

QUANTISING = ("QuantizeLinear", "DequantizeLinear")
SIXTEENTH = "one sixteenth"
"""Activations tell most near zero; a power of two keeps integers exact."""
REAL = ("Clip", *QUANTISING)
"""Exact operators some of whose constants must keep their meaning."""


@dataclass(frozen=True)
class Draw:
    """How weights become integers: by a hash of their value.

    Attributes:
        seed: of the hash.
        folded: whether alpha and beta of a Gemm go into its constants before, or are constants.
        density: what part of the weights stays other than zero.
    """

    seed: int
    folded: bool
    density: float = 1.0

    def weights(self, array: np.ndarray) -> np.ndarray:
        """Integers from -3 to 3 of the same type; zeros stay zeros.

        A single number becomes a power of two up to 32: it may be what keeps a root or a quotient
        real, and tells only where it is not small.
        """
        hashed = _hash(array, self.seed)
        place = (hashed >> np.uint64(8)) % np.uint64(6)
        if array.size == 1:
            return np.asarray(np.where(array != 0, np.exp2(place.astype(np.int64)), 0), array.dtype)
        drawn = np.array([-3, -2, -1, 1, 2, 3])[place]
        kept = ((hashed & np.uint64(255)) < 256 * self.density) & (array != 0)
        return np.asarray(np.where(kept, drawn, 0), array.dtype)

    def scale(self, array: np.ndarray) -> np.ndarray:
        """Powers of two, for scales of quantised tensors."""
        powers = (_hash(array, self.seed) % np.uint64(3)).astype(np.int64)
        return np.asarray(np.exp2(powers), array.dtype)


def _hash(array: np.ndarray, seed: int) -> np.ndarray:
    """A number for each element that depends on its value and the seed only."""
    bits = array.astype(np.float64).reshape(-1).view(np.uint64)
    bits = bits ^ np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for _ in range(2):
        bits = (bits ^ (bits >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    return (bits ^ (bits >> np.uint64(29))).reshape(array.shape)


def run(region: Region, feeds: Feeds, draw: Draw, wanted: Sequence[str]) -> dict[str, np.ndarray]:
    """The region's result and the values wanted, by name."""
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, onnx.TensorProto] = {}
    for number, node in enumerate(region.nodes):
        proto, held = _with_integers(node, number, draw)
        if leaves_integers(node):
            element = ir.DataType.FLOAT if node.outputs[0].dtype is None else node.outputs[0].dtype
            held[SIXTEENTH] = onnx.helper.make_tensor(SIXTEENTH, int(element), [], [1 / 16])
        constants |= held
        nodes.extend(_rounded(proto) if leaves_integers(node) else [proto])
    read = {name: feeds[name] for name in region.starts}
    ends = sorted({region.end, *wanted} - feeds.keys())
    return outputs(_session(region, nodes, read, list(constants.values()), ends), read)


def products(region: Region, values: Feeds, draw: Draw) -> float:
    """The largest sum of absolute products in a linear layer, over the largest exact integer."""
    largest = 0.0
    for node in region.nodes:
        if node.op_type in LINEAR:
            proto, held = _with_integers(node, 0, draw)
            constants = {name: onnx.numpy_helper.to_array(t) for name, t in held.items()}
            arrays = {name: (values | constants)[name] for name in proto.input if name}
            limit = 2.0 ** (np.finfo(next(iter(arrays.values())).dtype).nmant + 1)
            feeds = {name: np.abs(array.astype(np.float32)) for name, array in arrays.items()}
            running = _session(region, [proto], feeds, [], [proto.output[0]])
            (result,) = outputs(running, feeds).values()
            largest = max(largest, float(result.max(initial=0)) / limit)
    return largest


def _with_integers(
    node: ir.Node, number: int, draw: Draw
) -> tuple[onnx.NodeProto, dict[str, onnx.TensorProto]]:
    """A node that reads constants of its own, and these."""
    proto = ir.serde.serialize_node(node)
    factors = _factors(proto, draw) if node.op_type == "Gemm" else {}
    constants = {}
    for index, value in enumerate(node.inputs):
        tensor = None if value is None else constant_of(value)
        if tensor is None:
            continue
        name = proto.input[index] = f"constant {number}.{index}"
        array = np.asarray(tensor.numpy())
        if np.issubdtype(array.dtype, np.floating) and node.op_type in EXACT:
            array = np.asarray(array * array.dtype.type(factors.get(index, 1)), array.dtype)
            if node.op_type in QUANTISING and index == 1:
                array = draw.scale(array)
            elif node.op_type not in REAL:
                array = draw.weights(array)
            constants[name] = onnx.numpy_helper.from_array(np.ascontiguousarray(array), name)
        else:
            constants[name] = ir.serde.serialize_tensor(tensor)
            constants[name].name = name
    return proto, constants


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


def _session(
    region: Region,
    nodes: Sequence[onnx.NodeProto],
    feeds: Feeds,
    constants: Sequence[onnx.TensorProto],
    ends: Sequence[str],
) -> Any:
    inputs = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in feeds.items()
    ]
    results = [onnx.ValueInfoProto(name=name) for name in ends]
    graph = onnx.helper.make_graph(list(nodes), "region", inputs, results, list(constants))
    owner = region.nodes[0].graph
    assert owner is not None, "a node of a file is in its graph"
    imports = [onnx.helper.make_opsetid(d, v) for d, v in owner.opset_imports.items()]
    model = onnx.helper.make_model(graph, opset_imports=imports, ir_version=10)
    return session(model.SerializeToString(), optimised=False)
