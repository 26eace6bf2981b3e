"""A region of a file in onnxruntime, with integers for its weights."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from onebyone.equivalence.onnx.constants import constant_of, content
from onebyone.equivalence.onnx.feeds import Feeds, outputs, session
from onebyone.equivalence.onnx.regions import EXACT, LINEAR, Region, leaves_integers

QUANTISING = ("QuantizeLinear", "DequantizeLinear")
SIXTEENTH = "one sixteenth"
"""Activations tell most near zero; a power of two keeps integers exact."""
REAL = ("Clip", *QUANTISING)
"""Exact operators some of whose constants must keep their meaning."""
LARGE = 1 << 20
"""Bytes of inputs and weights from which a region runs on all cores."""
TILE = 1 << 16
"""Elements that are hashed at a time, few enough for the cache."""
MIXING = ((np.uint32(16), np.uint32(0x85EBCA6B)), (np.uint32(13), np.uint32(0xC2B2AE35)))


@dataclass(frozen=True)
class Draw:
    """How weights become integers: by a hash of their value.

    Attributes:
        seed: of the hash.
        folded: whether alpha and beta of a Gemm go into its constants before, or are constants.
        density: what part of the weights stays other than zero.
        kept: whether powers of two stay: single numbers that are one, and the one that bounds a
            tensor, beside its integers. So it does not matter in which constant one is.
    """

    seed: int
    folded: bool
    density: float = 1.0
    kept: bool = False
    _drawn: dict[tuple[str, ir.DataType], np.ndarray] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def constant(self, tensor: ir.TensorProtocol, array: np.ndarray) -> np.ndarray:
        """The integers for a constant's elements: drawn once for all that hold the same."""
        key = content(tensor), tensor.dtype
        if key not in self._drawn:
            self._drawn[key] = self.weights(array)
        return self._drawn[key].reshape(array.shape)

    def weights(self, array: np.ndarray) -> np.ndarray:
        """Integers from -3 to 3 of the same type; zeros stay zeros.

        A single number becomes a power of two up to 32: it may be what keeps a root or a quotient
        real, and tells only where it is not small.
        """
        if self.kept:
            return self._beside_power(array)
        if array.size == 1:
            place = (_hashed(array.reshape(-1), self.seed) >> np.uint32(8)) % np.uint32(6)
            powers = np.exp2(place.astype(np.int64)).reshape(array.shape)
            return np.asarray(np.where(array != 0, powers, 0), array.dtype)
        # What each sixteen bits of a hash stand for: which integer, and whether it is kept.
        bits = np.arange(1 << 16)
        chosen = np.array([-3, -2, -1, 1, 2, 3], np.int8)[(bits >> 8) % 6]
        integers = np.where((bits & 255) < 256 * self.density, chosen, np.int8(0))
        out = np.empty(array.shape, array.dtype)
        flat, rest = out.reshape(-1), np.ascontiguousarray(array).reshape(-1)
        for start in range(0, array.size, TILE):
            tile = rest[start : start + TILE]
            # No index is beyond the table: "clip" is what NumPy need not look at first.
            drawn = integers.take(_hashed(tile, self.seed).astype(np.uint16), mode="clip")
            drawn *= tile != 0
            flat[start : start + TILE] = drawn
        return out

    def _beside_power(self, array: np.ndarray) -> np.ndarray:
        largest = np.abs(np.where(np.isfinite(array), array, 0)).max(initial=0)
        fraction, exponent = np.frexp(largest)
        power = array.dtype.type(np.ldexp(0.5, int(exponent)))  # which the type has
        if array.size == 1 and fraction == 0.5:
            return array
        # What is too large is infinite in both files; what is no number may say so.
        with np.errstate(over="ignore", invalid="ignore"):
            integers = replace(self, kept=False).weights(np.asarray(array / power))
            return np.asarray(integers * power)

    def scale(self, array: np.ndarray) -> np.ndarray:
        """Powers of two, for scales of quantised tensors."""
        hashed = _hashed(np.ascontiguousarray(array).reshape(-1), self.seed)
        powers = (hashed % np.uint32(3)).astype(np.int64).reshape(array.shape)
        return np.asarray(np.exp2(powers), array.dtype)


def _hashed(values: np.ndarray, seed: int) -> np.ndarray:
    """A number for each element that depends on its value and the seed only, not on its type."""
    with np.errstate(over="ignore", invalid="ignore"):
        bits = values.astype(np.float32).view(np.uint32)
        if values.dtype.itemsize > 4:
            # The last bits, which single precision does not hold, where there are any.
            low = values.astype(np.float64).view(np.uint64).astype(np.uint32)
            more = values != values.astype(np.float32)
            bits ^= np.where(more, _mixed(low), np.uint32(0))
    bits ^= np.uint32((seed + 1) * 0x9E3779B9 & 0xFFFFFFFF)
    return _mixed(bits)


def _mixed(bits: np.ndarray) -> np.ndarray:
    for shift, factor in MIXING:
        bits = (bits ^ (bits >> shift)) * factor
    return np.asarray(bits ^ (bits >> np.uint32(16)))


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
