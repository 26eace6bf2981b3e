"""The parts in which two files differ, found by the names of values that both keep.

Knows nothing of the structure check: a region is all nodes between values whose names are in both
files, and it differs where the nodes or the constants that they read do.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from onebyone.equivalence.onnx.attributes import bits, meaning
from onebyone.equivalence.onnx.bodies import bodies, reads
from onebyone.equivalence.onnx.constants import constant_of

LINEAR = frozenset({"Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul"})
EXACT = LINEAR | {
    "Abs", "Add", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "DepthToSpace",
    "DequantizeLinear", "Dropout", "Expand", "Flatten", "Gather", "GlobalMaxPool", "Identity",
    "Max", "MaxPool", "Min", "Mul", "Neg", "Pad", "QuantizeLinear", "ReduceMax", "ReduceSum",
    "Relu", "Reshape", "Slice", "SpaceToDepth", "Split", "Squeeze", "Sub", "Sum", "Transpose",
    "Unsqueeze", "Where",
}  # fmt: skip
ROUNDING = frozenset({"Cast", "QuantizeLinear"})


@dataclass(frozen=True)
class Region:
    """The nodes of one file that compute a value from others, by their names.

    The nodes are in an order in which they can run.
    """

    end: str
    starts: tuple[str, ...]
    nodes: tuple[ir.Node, ...]

    @property
    def inexact(self) -> list[str]:
        """The operators that leave the integers, sorted."""
        return sorted(node.op_type for node in self.nodes if leaves_integers(node))

    @property
    def rounds(self) -> bool:
        """Whether an operator rounds, so that numbers below 1 would be lost."""
        return bool(self.inexact) or any(node.op_type in ROUNDING for node in self.nodes)

    @property
    def within(self) -> set[str]:
        """The names of the values between its starts and its end."""
        return {str(value.name) for node in self.nodes for value in node.outputs} - {self.end}

    @property
    def scaled(self) -> bool:
        """Whether a Gemm has another alpha or beta than 1."""
        return any(
            node.op_type == "Gemm" and node.attributes.get_float(name, 1.0) != 1
            for node in self.nodes
            for name in ("alpha", "beta")
        )

    def __str__(self) -> str:
        nodes = ", ".join(f"{node.op_type} {node.name}" for node in self.nodes)
        return f"from {', '.join(self.starts)} to {self.end}: {nodes}"


def differing(
    before: ir.Graph, after: ir.Graph, ignored: Collection[str]
) -> list[tuple[Region, Region]]:
    """Pairs of regions that end in one name, which is not ignored, and differ."""
    first, second = _made(before), _made(after)
    common = (first.keys() & second.keys()) - set(ignored)
    made = [name for name, value in first.items() if value.producer() is not None]
    pairs = []
    for name in made:
        if name in common:
            a, b = _between(first[name], second[name], common, made)
            if _signature(a) != _signature(b):
                pairs.append((a, b))
    return pairs


def _between(
    first: ir.Value, second: ir.Value, common: Collection[str], made: Sequence[str]
) -> tuple[Region, Region]:
    """The regions that end in two values and start from the same ones.

    Where they do not, the later of the values that only one starts from is no start.
    """
    cuts = set(common)
    while True:
        a, b = _region(first, cuts), _region(second, cuts)
        single = (set(a.starts) ^ set(b.starts)) & cuts
        later = [name for name in made if name in single]
        if not later:
            return a, b
        cuts.discard(later[-1])


def leaves_integers(node: ir.Node) -> bool:
    """Whether the results of a node on integers are floats that need not be integers."""
    element = node.outputs[0].dtype
    return node.op_type not in EXACT and (element is None or element.is_floating_point())


def _made(graph: ir.Graph) -> dict[str, ir.Value]:
    """Tensors by name, the inputs first, without constants."""
    values = [*graph.inputs, *(output for node in graph for output in node.outputs)]
    tensors = (v for v in values if v.type is None or isinstance(v.type, ir.TensorType))
    return {str(v.name): v for v in tensors if v.name and constant_of(v) is None}


def _region(output: ir.Value, common: Collection[str]) -> Region:
    starts: dict[str, None] = {}
    nodes: dict[int, ir.Node] = {}
    stack: list[tuple[ir.Value, bool]] = [(output, False)]
    while stack:
        value, done = stack.pop()
        node = value.producer()
        if done and node is not None:
            nodes.setdefault(id(node), node)
        elif constant_of(value) is not None or (node is not None and id(node) in nodes):
            continue
        elif node is None or (value.name in common and value is not output):
            starts.setdefault(str(value.name))
        else:
            stack.append((value, True))
            stack.extend((given, False) for given in reads(node) if given is not None)
    return Region(str(output.name), tuple(starts), tuple(nodes.values()))


def _signature(region: Region) -> list[tuple[Any, ...]]:
    """What the region computes, with its own values by number and constants by content."""
    numbers = {name: name for name in region.starts}
    lines = []
    for node in region.nodes:
        given = [v and (numbers.get(str(v.name)) or bits(constant_of(v))) for v in node.inputs]
        assert node.graph is not None, "a node of a file is in its graph"
        version = node.graph.opset_imports.get(node.domain, 1)
        lines.append((*meaning(node, version), *bodies(node), *given))
        for value in node.outputs:
            numbers[str(value.name)] = f"#{len(numbers)}"
    return lines
