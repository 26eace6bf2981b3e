"""The values of a graph with quantised parts: what quantises them, what reads them."""

from collections import defaultdict
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper

from onebyone.models.onnx.constants import tensor_of
from onebyone.models.onnx.nodes import STANDARD, reads

BYTES = frozenset({TensorProto.UINT8, TensorProto.INT8})


def is_quantising(node: onnx.NodeProto) -> bool:
    """Whether a node is ONNX's QuantizeLinear."""
    return node.op_type == "QuantizeLinear" and node.domain in STANDARD


def is_dequantising(node: onnx.NodeProto) -> bool:
    """Whether a node is ONNX's DequantizeLinear."""
    return node.op_type == "DequantizeLinear" and node.domain in STANDARD


@dataclass(frozen=True)
class Quantised:
    """A quantised value.

    Attributes:
        numbers: the name of its integers.
        scale: the name of its scale.
        zero_point: the name of its zero point.
        kind: ONNX's type of its integers.
        is_one: whether it has one scale.
        axis: of its scales, where there are several.
    """

    numbers: str
    scale: str
    zero_point: str
    kind: int
    is_one: bool
    axis: int

    @property
    def parameters(self) -> list[str]:
        """Scale and zero point, as operators of integers take them."""
        return [self.scale, self.zero_point]

    @property
    def inputs(self) -> list[str]:
        """All three."""
        return [self.numbers, *self.parameters]


MOVING = frozenset({"MaxPool", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice"})
"""Operators that give numbers of what they read, as they are, and quantising goes past them."""
COPYING = MOVING | {"Expand", "Flatten", "Gather", "GatherElements", "Tile"}
"""All that give numbers as they are, also those that onnxruntime leaves quantising behind."""


class Values:
    """The values of a graph, and who makes and reads them.

    Attributes:
        graph: that they are of.
        makers: nodes by the names of their results.
        readers: nodes by the names of what they read; one that reads a value twice is there twice.
        constants: stored tensors by name.
    """

    def __init__(self, graph: onnx.GraphProto, path: Path) -> None:
        self.graph, self._path = graph, path
        self.makers: dict[str, onnx.NodeProto] = {}
        self.readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self._outputs = {output.name for output in graph.output}
        self._names = {*self.constants, *(value.name for value in graph.input)}
        for node in graph.node:
            self.add(node)
            if node.op_type == "Constant" and node.domain in STANDARD:
                tensors = (a.t for a in node.attribute if a.name == "value")
                self.constants.update((node.output[0], tensor) for tensor in tensors)

    def add(self, node: onnx.NodeProto) -> None:
        """Note a node; it takes the place of what made its results before."""
        self.makers.update((name, node) for name in node.output if name)
        self._names.update(node.output)
        for name in reads(node):
            self.readers[name].append(node)

    def remove(self, node: onnx.NodeProto) -> None:
        """Forget a node, before it changes."""
        for name in node.output:
            self.makers.pop(name, None)
        for name in reads(node):
            self.readers[name] = [reader for reader in self.readers[name] if reader is not node]

    def uses(self, name: str) -> int:
        """How many nodes read a value, and one more where it is an output."""
        return len(self.readers.get(name, [])) + (name in self._outputs)

    def only_reader(self, name: str) -> onnx.NodeProto | None:
        """The one node that reads a value that is no output; None where there is none or more."""
        alone = self.uses(name) == 1 and name not in self._outputs
        return self.readers[name][0] if alone else None

    def is_quantised_after(self, name: str) -> bool:
        """Whether some node quantises a value."""
        return any(is_quantising(node) for node in self.readers.get(name, []))

    def dequantised(self, name: str) -> Quantised | None:
        """What a value is dequantised from, where its scale and zero point are constant."""
        node = self.makers.get(name)
        if node is None or not is_dequantising(node):
            return None
        return self._parameters(node, node.input[0], self._kind(node.input[0]))

    def quantised(self, node: onnx.NodeProto | None) -> Quantised | None:
        """What a node quantises to, where it does and its scale and zero point are constant."""
        if node is None or not is_quantising(node):
            return None
        found = self._parameters(node, node.output[0], self._kind(node.output[0]))
        return found if found is not None and found.is_one else None

    def _parameters(self, node: onnx.NodeProto, numbers: str, kind: int) -> Quantised | None:
        scale = self.constants.get(node.input[1])
        given = {a.name: a.i for a in node.attribute}
        if scale is None or scale.data_type != TensorProto.FLOAT or given.get("block_size"):
            return None
        zero_point = node.input[2] if len(node.input) > 2 else ""
        if not zero_point:
            zero_point = self.store(np.zeros((), onnx.helper.tensor_dtype_to_np_dtype(kind)))
        elif zero_point not in self.constants:
            return None
        scales = prod(scale.dims)
        axis = given.get("axis", 1)
        stored = self.constants.get(numbers)
        if axis < 0 and stored is not None:
            axis += len(stored.dims)
        return Quantised(numbers, node.input[1], zero_point, kind, scales == 1, axis)

    def _kind(self, name: str) -> int:
        """ONNX's type of a value of integers: as stored, or as it is quantised to."""
        if name in self.constants:
            return int(self.constants[name].data_type)
        node = self.makers.get(name)
        if node is not None and is_quantising(node):
            if len(node.input) > 2 and node.input[2] in self.constants:
                return int(self.constants[node.input[2]].data_type)
            kind = next((a.i for a in node.attribute if a.name == "output_dtype"), 0)
            return int(kind or TensorProto.UINT8)
        if node is not None and node.input and node.op_type in COPYING:
            return self._kind(node.input[0])
        return int(TensorProto.UNDEFINED)

    def last_axis(self, name: str) -> int:
        """The last axis of a stored value; none of any other."""
        return len(self.constants[name].dims) - 1 if name in self.constants else -1

    def is_same(self, a: Quantised, b: Quantised) -> bool:
        """Whether two values are quantised alike."""
        if a.kind != b.kind or not (a.is_one and b.is_one):
            return False
        pairs = ((a.scale, b.scale), (a.zero_point, b.zero_point))
        return all(self.number(x) == self.number(y) for x, y in pairs)

    def array(self, name: str) -> torch.Tensor | None:
        """The numbers of a constant."""
        return tensor_of(self.constants[name], self._path) if name in self.constants else None

    def number(self, name: str) -> float | None:
        """The one number of a constant."""
        found = self.array(name)
        return found.item() if found is not None and found.numel() == 1 else None

    def quantised_bias(self, bias: str, scale: str, weight_scale: str) -> str | None:
        """A constant bias of floats as integers of 32 bits; None where it is none of one axis."""
        found, by = self.array(bias), self.array(scale)
        by_weight = self.array(weight_scale)
        if found is None or found.ndim != 1 or by is None or by_weight is None:
            return None
        whole = torch.round(found / (by.reshape(()) * by_weight.squeeze()))
        return self.store(whole.to(torch.int32).numpy())

    def store(self, array: Any) -> str:
        """Store a tensor in the graph, and give its name."""
        name = self.new("quantised")
        tensor = numpy_helper.from_array(np.asarray(array), name)
        self.graph.initializer.append(tensor)
        self.constants[name] = tensor
        return name

    def new(self, like: str) -> str:
        """A name that no value has."""
        name = next(
            n for k in range(len(self._names) + 1) if (n := f"{like}/{k}") not in self._names
        )
        self._names.add(name)
        return name

    def write(self) -> None:
        """Write into the graph what its outputs need, each node after those that it reads."""
        order: list[onnx.NodeProto] = []
        seen: set[int] = set()
        waiting = [(output.name, False) for output in reversed(self.graph.output)]
        while waiting:
            name, is_read = waiting.pop()
            node = self.makers.get(name)
            if node is None:
                continue
            if is_read:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                waiting.append((name, True))
                waiting += [(needed, False) for needed in reversed(list(reads(node)))]
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in order]
        del self.graph.node[:]
        self.graph.node.extend(copies)
