"""Small ONNX graphs with linear layers or 1×1 convolutions, one for each way to write them.

All numbers are small integers (scales are powers of two), so that float arithmetic is exact in
whatever order it adds, and equal layers give equal outputs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str]
SYMBOLS = {"B": 2, "S": 5, "H": 4, "T": 3}


class Graph:
    """Collects the nodes and constants of one graph."""

    def __init__(self, opset: int, seed: int = 0) -> None:
        self.opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self._random = np.random.default_rng(seed)

    def input(self, *shape: int | str, name: str = "x") -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def integers(self, *shape: int, dtype: Any = np.float32, low: int = -3) -> np.ndarray:
        return self._random.integers(low, 4, shape).astype(dtype)

    def weight(self, name: str, *shape: int) -> str:
        return self.constant(name, self.integers(*shape))

    def constant(self, name: str, values: Any, dtype: int | None = None) -> str:
        if dtype is not None:
            tensor = helper.make_tensor(name, dtype, values.shape, values.reshape(-1))
        else:
            tensor = numpy_helper.from_array(np.asarray(values), name)
        self.constants.append(tensor)
        return name

    def add(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        name = name or f"{operator}_{len(self.nodes)}"
        domain = attributes.pop("domain", None)
        output = attributes.pop("output", f"{name}:0")
        node = helper.make_node(operator, inputs, [output], name, domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def axes(self, operator: str, value: str, axes: Sequence[int]) -> str:
        """Squeeze, Unsqueeze: axes as the opset has them."""
        if self.opset < 13:
            return self.add(operator, value, axes=list(axes))
        name = self.constant(f"axes_{len(self.nodes)}", np.array(axes, np.int64))
        return self.add(operator, value, name)

    def model(
        self, *outputs: str, direct: bool = False, shapes: Mapping[str, Shape] | None = None
    ) -> onnx.ModelProto:
        """The model; outputs come through an Identity unless they are to be there directly.

        Their shapes are inferred, but for those that are given.
        """
        names = list(outputs) if direct else [f"y{k}" for k in range(len(outputs))]
        if not direct:
            self.nodes += [
                helper.make_node("Identity", [o], [n], f"out_{n}")
                for o, n in zip(outputs, names, strict=True)
            ]
        given = [(shapes or {}).get(output) for output in outputs]
        out = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in zip(names, given, strict=True)
        ]
        graph = helper.make_graph(self.nodes, "case", self.inputs, out, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        if any(node.domain for node in self.nodes):
            opsets.append(helper.make_opsetid("com.microsoft", 1))
        model = helper.make_model(graph, opset_imports=opsets, producer_name="tests")
        model.ir_version = min(10, model.ir_version)
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        for value, known in zip(model.graph.output, inferred.graph.output, strict=True):
            value.CopyFrom(known)
        onnx.checker.check_model(model, full_check=True)
        return model


@dataclass(frozen=True)
class Case:
    """One way to write a layer.

    Attributes:
        name: as the documentation says it.
        to: what it is rewritten to.
        build: the graph.
        since: the first opset that has it.
        rewritten: how many layers are.
    """

    name: str
    to: str
    build: Callable[[Graph], str | tuple[str, ...]]
    since: int = 11
    rewritten: int = 1

    def model(self, opset: int) -> onnx.ModelProto:
        graph = Graph(max(opset, self.since))
        outputs = self.build(graph)
        return graph.model(*((outputs,) if isinstance(outputs, str) else outputs))


def feeds(
    model: onnx.ModelProto, seed: int = 1, sizes: dict[str, int] | None = None
) -> dict[str, np.ndarray]:
    """Small integers for every input, at these sizes of the dynamic axes."""
    known = SYMBOLS | (sizes or {})
    random = np.random.default_rng(seed)
    constants = {tensor.name for tensor in model.graph.initializer}
    found = {}
    for value in model.graph.input:
        if value.name in constants:
            continue
        shape = [known.get(d.dim_param, d.dim_value) for d in value.type.tensor_type.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        found[value.name] = random.integers(0 if dtype.kind == "b" else -3, 4, shape).astype(dtype)
    return found


def session(path: Path) -> onnxruntime.InferenceSession:
    """A file in onnxruntime, its own rewriting switched off."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def run(path: Path, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs of a file in onnxruntime."""
    outputs: list[np.ndarray] = session(path).run(None, inputs)
    return outputs


def operators(path: Path) -> list[str]:
    """The kinds of operators of a file, sorted."""
    model = onnx.load(path, load_external_data=False)
    return sorted(node.op_type for node in model.graph.node)


def _gemm(**attributes: Any) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        w = (3, 6) if attributes.get("transB") else (6, 3)
        x = g.input(*((6, "B") if attributes.get("transA") else ("B", 6)))
        return g.add("Gemm", x, g.weight("w", *w), g.weight("b", 3), name="fc/Gemm", **attributes)

    return build


def _gemm_plain(g: Graph) -> str:
    return g.add("Gemm", g.input("B", 6), g.weight("w", 6, 3), name="fc/Gemm")


def _gemm_rows(g: Graph) -> str:
    x, w = g.input(2, 6), g.weight("w", 6, 3)
    return g.add("Gemm", x, w, g.weight("c", 2, 1), name="fc/Gemm", beta=2.0)


def _matmul(*shape: int | str, bias: bool = True) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        y = g.add("MatMul", g.input(*shape), g.weight("w", 6, 3), name="fc/MatMul")
        return g.add("Add", g.weight("b", 3), y, name="fc/Add") if bias else y

    return build


def _matmul_left(*shape: int | str) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        y = g.add("MatMul", g.weight("w", 3, 6), g.input(*shape), name="fc/MatMul")
        return g.add("Add", y, g.weight("b", 3, 1), name="fc/Add")

    return build


def _transposed_weight(g: Graph) -> str:
    w = g.add("Transpose", g.weight("w", 3, 6), perm=[1, 0])
    return g.add("MatMul", g.input("B", "S", 6), w, name="fc/MatMul")


def _constant_node(g: Graph) -> str:
    w = g.add("Constant", value=numpy_helper.from_array(g.integers(6, 3), "w"))
    return g.add("MatMul", g.input("B", "S", 6), w, name="fc/MatMul")


def _flatten(order: Sequence[int], how: str = "Flatten", side: int = 2) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        x = g.add("Relu", g.input("B", 3, side, side + 1))
        if list(order) != [0, 1, 2, 3]:
            x = g.add("Transpose", x, perm=list(order))
        inputs = 3 * side * (side + 1)
        if how == "Flatten":
            flat = g.add("Flatten", x)
        else:
            flat = g.add("Reshape", x, g.constant("shape", np.array([-1, inputs])))
        return g.add("Gemm", flat, g.weight("w", inputs, 4), g.weight("b", 4), name="fc/Gemm")

    return build


def _pooled(g: Graph) -> str:
    x = g.add("GlobalMaxPool", g.input("B", 6, 3, 3))
    hidden = g.add("Gemm", g.add("Flatten", x), g.weight("w1", 6, 5), g.weight("b1", 5))
    return g.add("Gemm", g.add("Relu", hidden), g.weight("w2", 4, 5), g.weight("b2", 4), transB=1)


def _block(g: Graph) -> str:
    """Residual, elementwise, concatenation and a normalisation made of reductions."""
    x = g.input("B", "S", 6)
    reduced = g.add("ReduceMax", x, *_last(g), **_last_attribute(g))
    y = g.add("Sub", x, reduced)
    y = g.add("MatMul", y, g.weight("w1", 6, 8), name="a/MatMul")
    y = g.add("Relu", g.add("Add", y, g.weight("b1", 8)))
    y = g.add("MatMul", y, g.weight("w2", 8, 6), name="b/MatMul")
    y = g.add("Add", x, g.add("Mul", y, g.weight("scale", 6)))
    both = g.add("Concat", x, y, axis=-1)
    return g.add("MatMul", both, g.weight("w3", 12, 2), name="c/MatMul")


def _last(g: Graph) -> list[str]:
    return [g.constant("last", np.array([-1]))] if g.opset >= 18 else []


def _last_attribute(g: Graph) -> dict[str, list[int]]:
    return {} if g.opset >= 18 else {"axes": [-1]}


def _norm(g: Graph) -> str:
    """A linear layer between layer normalisations, whose axis cannot move."""
    x = g.input("B", "S", 6)
    y = g.add("MatMul", x, g.weight("w1", 6, 8), name="a/MatMul")
    return g.add("MatMul", g.add("Relu", y), g.weight("w2", 8, 6), name="b/MatMul")


def _tied(g: Graph) -> str:
    x, w = g.input("B", "S", 6), g.weight("w", 6, 6)
    y = g.add("Relu", g.add("MatMul", x, w, name="a/MatMul"))
    return g.add("MatMul", y, w, name="b/MatMul")


def _conv(
    space: Sequence[int | str], channels: int = 6, **attributes: Any
) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        groups = attributes.get("group", 1)
        w = g.weight("w", 4, channels // groups, *(1,) * len(space))
        x = g.input("B", channels, *space)
        return g.add("Conv", x, w, g.weight("b", 4), name="point/Conv", **attributes)

    return build


def _conv_plain(g: Graph) -> str:
    return g.add("Conv", g.input("B", 6, "H", "S"), g.weight("w", 4, 6, 1, 1), name="point/Conv")


def _whole_extent(g: Graph) -> str:
    x = g.add("Relu", g.input("B", 3, 2, 3))
    y = g.add("Conv", x, g.weight("w", 4, 3, 2, 3), g.weight("b", 4), name="fc/Conv")
    return g.add("Flatten", y)


def _squeeze_excite(g: Graph) -> str:
    x = g.input("B", 6, "H", "S")
    y = g.add("GlobalMaxPool", x)
    y = g.add("Conv", y, g.weight("w1", 3, 6, 1, 1), g.weight("b1", 3), name="down/Conv")
    y = g.add("Conv", g.add("Relu", y), g.weight("w2", 6, 3, 1, 1), name="up/Conv")
    return g.add("Mul", x, y)


def _bottleneck(g: Graph) -> str:
    x = g.input("B", 6, "H", "S")
    y = g.add("Conv", x, g.weight("w1", 4, 6, 1, 1), g.weight("b1", 4), name="a/Conv")
    y = g.add("Clip", y, g.constant("zero", np.float32(0)), g.constant("six", np.float32(6)))
    both = g.add("Concat", y, g.add("Mul", y, g.weight("scale", 4, 1, 1)), axis=1)
    y = g.add("Conv", both, g.weight("w2", 6, 8, 1, 1), g.weight("b2", 6), name="b/Conv")
    return g.add("Add", x, y)


def _transposed(groups: int = 1) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        w = g.weight("w", 6, 4 // groups, 1, 1)
        x = g.input("B", 6, "H", "S")
        return g.add("ConvTranspose", x, w, g.weight("b", 4), name="up/ConvTranspose", group=groups)

    return build


def dequantized(
    g: Graph, shape: Sequence[int], axis: int | None, block: int = 0, bits: int = 8
) -> str:
    """A weight in integers with one scale, one for each index of an axis, or for each block."""
    sizes = [] if axis is None else [shape[axis]]
    if block:
        sizes = [n // block if k == axis else n for k, n in enumerate(shape)]
    attributes = {} if axis is None else {"axis": axis}
    if block:
        attributes["block_size"] = block
    dtype = TensorProto.INT8 if bits == 8 else TensorProto.INT4
    w = g.constant("w", g.integers(*shape, dtype=np.int8), dtype)
    scale = g.constant("w_scale", np.exp2(g.integers(*sizes, low=-1)))
    zero = g.constant("w_zero", np.asarray(g.integers(*sizes, dtype=np.int8)), dtype)
    return g.add("DequantizeLinear", w, scale, zero, **attributes)


def _qdq(
    operator: str, shape: Sequence[int], axis: int | None, block: int = 0, bits: int = 8
) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        w = dequantized(g, shape, axis, block, bits)
        x = g.input(*(("B", "S", 8) if operator == "MatMul" else ("B", 8, "H", "S")))
        one, zero = g.constant("one", np.float32(1)), g.constant("none", np.int8(0))
        x = g.add("DequantizeLinear", g.add("QuantizeLinear", x, one, zero), one, zero)
        return g.add(operator, x, w, name=f"fc/{operator}")

    return build


TO_CONVOLUTION = (
    Case("Gemm", "convolution", _gemm_plain),
    Case("Gemm, transB", "convolution", _gemm(transB=1)),
    Case("Gemm, alpha and beta", "convolution", _gemm(alpha=2.0, beta=0.5)),
    Case("Gemm, transA", "convolution", _gemm(transA=1)),
    Case("Gemm, C by rows", "convolution", _gemm_rows),
    Case("MatMul, rank 1", "convolution", _matmul(6, bias=False)),
    Case("MatMul + Add, rank 2", "convolution", _matmul("B", 6)),
    Case("MatMul, rank 3", "convolution", _matmul("B", "S", 6, bias=False)),
    Case("MatMul + Add, rank 3", "convolution", _matmul("B", "S", 6)),
    Case("MatMul + Add, rank 4", "convolution", _matmul("B", "H", "S", 6)),
    Case("MatMul + Add, rank 5", "convolution", _matmul("B", "T", "H", "S", 6)),
    Case("MatMul + Add, rank 6", "convolution", _matmul("B", 2, "T", "H", "S", 6)),
    Case("MatMul, weight on the left, rank 2", "convolution", _matmul_left(6, "S")),
    Case("MatMul, weight on the left, rank 3", "convolution", _matmul_left("B", 6, "S")),
    Case("MatMul, weight through Transpose", "convolution", _transposed_weight),
    Case("MatMul, weight in a Constant", "convolution", _constant_node),
    Case("Flatten + Gemm, NCHW", "convolution", _flatten((0, 1, 2, 3))),
    Case("Flatten + Gemm, NHWC", "convolution", _flatten((0, 2, 3, 1))),
    Case("Flatten + Gemm, NCWH", "convolution", _flatten((0, 1, 3, 2))),
    Case("Reshape + Gemm", "convolution", _flatten((0, 1, 2, 3), "Reshape")),
    Case("pooling, Flatten, two Gemm", "convolution", _pooled, rewritten=2),
    Case("residual block with Concat", "convolution", _block, rewritten=3),
    Case("two MatMul", "convolution", _norm, rewritten=2),
    Case("tied MatMul", "convolution", _tied, rewritten=2),
    Case("QDQ, one scale", "convolution", _qdq("MatMul", (8, 4), None)),
    Case("QDQ, scales by output", "convolution", _qdq("MatMul", (8, 4), 1), 13),
    Case("QDQ, scales by input", "convolution", _qdq("MatMul", (8, 4), 0), 13),
    Case("QDQ, blocks", "convolution", _qdq("MatMul", (8, 4), 0, 4), 21),
    Case("QDQ, blocks of 4 bits", "convolution", _qdq("MatMul", (8, 4), 0, 4, bits=4), 21),
)
TO_LINEAR = (
    Case("Conv 1-D", "linear", _conv(("S",))),
    Case("Conv 2-D", "linear", _conv(("H", "S"))),
    Case("Conv 2-D, no bias", "linear", _conv_plain),
    Case("Conv 3-D", "linear", _conv(("T", "H", "S"))),
    Case("Conv, stride", "linear", _conv(("H", 5), strides=[2, 3])),
    Case("Conv, stride along one axis", "linear", _conv(("H", "S"), strides=[1, 2])),
    Case("Conv, dilation", "linear", _conv(("H", "S"), dilations=[2, 2])),
    Case("Conv, groups", "linear", _conv(("H", "S"), group=2)),
    Case("Conv, one group for each channel", "linear", _conv(("H", "S"), 4, group=4)),
    Case("Conv, auto_pad", "linear", _conv(("H", 5), strides=[2, 2], auto_pad="SAME_UPPER")),
    Case("Conv of the whole extent", "linear", _whole_extent),
    Case("squeeze and excitation", "linear", _squeeze_excite, rewritten=2),
    Case("residual bottleneck", "linear", _bottleneck, rewritten=2),
    Case("ConvTranspose", "linear", _transposed()),
    Case("ConvTranspose, groups", "linear", _transposed(2)),
    Case("Conv, QDQ, one scale", "linear", _qdq("Conv", (4, 8, 1, 1), None)),
    Case("Conv, QDQ, scales by output", "linear", _qdq("Conv", (4, 8, 1, 1), 0), 13),
    Case("Conv, QDQ, blocks", "linear", _qdq("Conv", (4, 8, 1, 1), 1, 4), 21),
)
# What comes back as it was only in its normal form (see docs/rewriting.md), and what differs.
NORMALISED = {
    "Gemm, alpha and beta": "alpha and beta are Mul, C is Add",
    "Gemm, transA": "a Transpose before it",
    "Gemm, C by rows": "beta is Mul, C is Add",
    "MatMul, rank 1": "over two axes",
    "MatMul + Add, rank 6": "over three axes",
    "MatMul, weight on the left, rank 2": "the weight on the right",
    "MatMul, weight on the left, rank 3": "the weight on the right",
    "MatMul, weight through Transpose": "the Transpose in the weight",
    "Flatten + Gemm, NHWC": "the Transpose in the weight",
    "Flatten + Gemm, NCWH": "the Transpose in the weight",
    "ConvTranspose": "a Conv, the weight transposed",
    "ConvTranspose, groups": "a Conv, the weights transposed",
}
OPSETS = (11, 12, 13, 18, 21, 27)
LAYOUTS = ("conv1d", "BCS1", "BC1S", "BCHW")
