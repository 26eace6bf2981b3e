"""A network built from a graph of an ONNX file, node by node.

Constants are computed at once. Where the input's sizes are known, each node is run on tensors
without numbers, for two sizes of the batch: numbers that are the same in both are constants, too,
and constants that hold a batch that the file has fixed are found where both contradict each other.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.func import functional_call

from onebyone.errors import InputError, first_line
from onebyone.models.onnx.attributes import attributes_of
from onebyone.models.onnx.batch import Bound, Freeing
from onebyone.models.onnx.bodies import body_of, cast_of
from onebyone.models.onnx.branches import Branches, constants_of, is_open
from onebyone.models.onnx.classical import CLASSICAL, DOMAIN
from onebyone.models.onnx.classical import written as classical
from onebyone.models.onnx.constants import tensor_of
from onebyone.models.onnx.control import CONTROL, Control, Look, graph_of
from onebyone.models.onnx.flat import flat_read
from onebyone.models.onnx.growth import is_few, sizes_of, without_numbers
from onebyone.models.onnx.inlining import mark_of
from onebyone.models.onnx.layers import layer_of, with_bias
from onebyone.models.onnx.network import Graph
from onebyone.models.onnx.node import Node, OfSizes
from onebyone.models.onnx.nodes import named, reads
from onebyone.models.onnx.sequences import CONSTRUCT, SEQUENCES
from onebyone.models.onnx.sequences import written as sequences
from onebyone.models.onnx.table import Operator, find
from onebyone.models.onnx.values import Known, as_tensor, joined, listed, places

MOST_BYTES = 1 << 28
"""That constants may unfold to, besides 16 times what the file holds."""
_OF_WEIGHTS = ("Gemm", "MatMul")
"""Operators of layers: what they give is no size, even of a state that is zeros for each window."""
_MOST_NUMBERS = 1 << 31
"""In one value of a window."""


@dataclass
class Builder:
    """Builds the graphs of one file.

    Attributes:
        path: the file.
        version: of ONNX's operators.
        bytes_left: that constants may still unfold to.
        freeing: the search for the constants that hold a fixed batch; None where there is none.
        weights: stored tensors by name, each read once.
        stored: those that the file has.
        readers: how many nodes read a value, and outputs that it is.
    """

    path: Path
    version: int
    bytes_left: int
    freeing: Freeing | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    stored: dict[str, onnx.TensorProto] = field(default_factory=dict)
    readers: Counter[str] = field(default_factory=Counter)
    control: Control = field(init=False)

    def build(self, graph: onnx.GraphProto, network: Graph, known: dict[str, Known]) -> None:
        """Add the nodes of a graph to a network whose inputs are known."""
        self.stored |= {tensor.name: tensor for tensor in graph.initializer}
        self.control = Control(self.version, mark_of(graph), self.stored)
        self.readers.update(network.outputs)
        self.readers.update(name for node in graph.node for name in reads(node))
        self._nodes(graph.node, network, known)

    def _nodes(
        self, nodes: Iterable[onnx.NodeProto], network: Graph, known: dict[str, Known]
    ) -> None:
        """Add nodes, and close the network, which has no others."""
        for node in nodes:
            self._node(node, network, known)
        outputs = {name: self.known(name, known) for name in network.outputs}
        network.close({k: v.constant for k, v in outputs.items() if v.constant is not None})

    def known(self, name: str, known: dict[str, Known]) -> Known:
        """What is known of a value; a stored one is read when it is asked for."""
        if name not in known:
            if name not in self.weights:
                value = tensor_of(self.stored[name], self.path)
                stored = nn.Parameter(value) if value.is_floating_point() else value
                self.weights[name] = stored
            known[name] = Known(constant=self.weights[name])
        return known[name]

    def _node(self, node: onnx.NodeProto, network: Graph, known: dict[str, Known]) -> None:
        inputs = [self.known(name, known) if name else None for name in node.input]
        if node.op_type == "CastLike":
            inputs = [inputs[0], _type_of(inputs[1])]
        computed = [k for k in inputs if k is not None and k.constant is None]
        if node.op_type == CONSTRUCT:
            results = [Known(parts=tuple(node.input))]
        elif node.op_type == "If" and is_open(inputs[0]):
            results = self._branches(node, network, known)
        elif (others := self._written(node, partial(self.known, known=known))) is not None:
            for other in others:
                self._node(other, network, known)
            return
        elif not computed:
            results = self._folded(node, inputs)
        elif all(k.sizes for k in computed) and node.op_type not in _OF_WEIGHTS:
            results = self._of_sizes(node, inputs, network)
        else:
            bias = self._bias(node, inputs, network) if node.op_type == "Add" else None
            results = self._computed(node, inputs, network) if bias is None else [bias]
        known.update((name, k) for name, k in zip(node.output, results, strict=False) if name)

    def _written(self, node: onnx.NodeProto, look: Look) -> Iterator[onnx.NodeProto] | None:
        """The nodes that a node stands for, which are to be built instead; None where it is one."""
        if node.op_type in CONTROL:
            return self.control.written(node, look)
        if node.op_type in SEQUENCES or any(look(n).parts is not None for n in node.input if n):
            return sequences(node, look, self.version)
        if node.op_type == "CastLike" and look(node.input[0]).constant is not None:
            return cast_of(node, look(node.input[1]))
        if node.domain == DOMAIN and node.op_type in CLASSICAL:
            return classical(node)
        if find(node.op_type, self.version, node.domain) is None:
            inputs = [look(name) if name else None for name in node.input]
            return self.control.body(node, body_of(node, inputs, self.version))
        return flat_read(node, look, freed=self.freeing is not None)

    def _folded(self, node: onnx.NodeProto, inputs: Sequence[Known | None]) -> list[Known]:
        """Compute a node whose inputs are all constant."""
        module = Node(*self._called(node), places(inputs))
        with torch.no_grad():
            try:
                self._afford(node, sizes_of(module))
                found = module()
            except InputError:
                raise
            except Exception as error:  # of many kinds, as operators are
                raise _refusal(node, error) from error
        return [Known(constant=as_tensor(value)) for value in listed(found)]

    def _afford(self, node: onnx.NodeProto, results: Sequence[Any]) -> None:
        for value in results:
            if isinstance(value, Tensor):
                self.bytes_left -= value.nbytes
            if self.bytes_left < 0:
                sizes = " × ".join(map(str, value.shape))
                raise InputError(f"{named(node)} unfolds to {sizes} constant numbers, too many")

    def _of_sizes(
        self, node: onnx.NodeProto, inputs: Sequence[Known | None], network: Graph
    ) -> list[Known]:
        """Add a node that computes with sizes."""
        if not self._is_few(node, inputs):
            return self._computed(node, inputs, network)
        given = {n: k for n, k in zip(node.input, inputs, strict=True) if k is not None}
        constants = {n: k.constant for n, k in given.items() if k.constant is not None}
        module = OfSizes(node, self.version, {n: c.detach() for n, c in constants.items()})
        runs = self._runs(node, module, [given[name] for name in module.names])
        results = joined(runs, len(node.output), sizes=True)
        if not all(k.constant is not None for k in results):
            network.add(_name(node), module, module.names, node.output)
        return results

    def _is_few(self, node: onnx.NodeProto, inputs: Sequence[Known | None]) -> bool:
        """Whether a node gives few numbers; not known where the input's sizes are not."""
        values: list[Any] = []
        for k in inputs:
            computed = k is not None and k.constant is None
            if k is not None and computed and k.runs is None:
                return True
            values.append(k and (k.runs[1] if computed and k.runs else k.constant))
        return is_few(*self._called(node), values)

    def _computed(
        self, node: onnx.NodeProto, inputs: Sequence[Known | None], network: Graph
    ) -> list[Known]:
        """Add a node that computes with the image."""
        operator, attributes = self._called(node)
        if self.freeing is not None:
            inputs = self.freeing.freed(node, inputs)
        taken = [k is not None and k.constant is None for k in inputs]
        values = [k for k in inputs if k is not None and k.constant is None]
        if "alike" in operator.attributes:
            attributes["alike"] = tuple(n for n, is_taken in enumerate(taken) if not is_taken)
        module = None
        if taken.index(True) == 0 and taken.count(True) == 1 and not values[0].sizes:
            constants = [None if k is None else k.constant for k in inputs]
            module = layer_of(node.op_type, attributes, constants)
        if module is None:
            made = all(k is None or k.sizes or k.constant is not None for k in inputs)
            module = Node(operator, attributes, places(inputs), made=made)
        names = [name for name, is_taken in zip(node.input, taken, strict=True) if is_taken]
        runs = self._runs(node, module, values)
        results = joined(runs, len(node.output), sizes=operator.name in ("Shape", "Size"))
        if self.freeing is not None:
            self.freeing.note(node, inputs, results)
        if not all(k.constant is not None for k in results):
            network.add(_name(node), module, names, node.output)
        return results

    def _branches(
        self, node: onnx.NodeProto, network: Graph, known: dict[str, Known]
    ) -> list[Known]:
        """Add a node that takes one of two graphs, by a condition that follows from sizes."""
        values = {name: self.known(name, known) for name in reads(node) if name}
        if any(k.parts is not None for k in values.values()):
            raise InputError(f"{named(node)} takes a sequence into a branch that sizes decide on")
        taken = [name for name, k in values.items() if k.constant is None]
        parts, ends = [], []
        for name in ("then_branch", "else_branch"):
            branch, local = self.control.within(node, graph_of(node, name), (), name), dict(known)
            parts.append(Graph(taken, branch.outputs))
            self._nodes(branch.nodes, parts[-1], local)
            ends.append([self.known(output, local) for output in branch.outputs])
        pairs = zip(*ends, strict=True)
        sizes = [all(k.sizes or k.constant is not None for k in pair) for pair in pairs]
        module, names = Branches(parts, constants_of(ends, sizes)), [node.input[0], *taken]
        runs = self._runs(node, module, [values[name] for name in names])
        network.add(_name(node), module, names, node.output)
        if runs is None:
            return [Known(sizes=one) for one in sizes]
        return joined(runs, len(sizes), sizes=False)

    def _bias(
        self, node: onnx.NodeProto, inputs: Sequence[Known | None], network: Graph
    ) -> Known | None:
        """Make an addition the bias of the layer before it; what is known of the result then."""
        given = [(n, k) for n, k in zip(node.input, inputs, strict=True) if k is not None]
        (name, product), (_, other) = sorted(given, key=lambda pair: pair[1].constant is not None)
        rank = 1 if product.runs is None else product.runs[0].ndim
        made = network.made.get(name)
        if other.constant is None or self.readers[name] > 1 or made is None:
            return None
        step = network.steps[made]
        if not with_bias(network.get_submodule(step.module), other.constant, rank):
            return None
        network.steps[made] = replace(step, outputs=tuple(node.output))
        network.made[node.output[0]] = made
        return product

    def _called(self, node: onnx.NodeProto) -> tuple[Operator, dict[str, Any]]:
        """The entry in the table for a node, and its attributes as the function takes them."""
        operator = find(node.op_type, self.version, node.domain)
        assert operator is not None
        attributes = attributes_of(node, operator, self.version, self.path)
        if "outputs" in operator.attributes:
            attributes["outputs"] = max(k + 1 for k, name in enumerate(node.output) if name)
        return operator, attributes

    def _runs(
        self, node: onnx.NodeProto, module: nn.Module, values: Sequence[Known]
    ) -> tuple[Any, Any] | None:
        """Run a node on tensors without numbers."""
        if any(k.runs is None for k in values):
            return None
        meta = without_numbers(module)
        found: list[Any] = []
        for run in range(2):
            try:
                with torch.no_grad():
                    given = tuple(k.runs[run] for k in values if k.runs is not None)
                    found.append(functional_call(module, meta, given))
            except Exception as error:
                if run and self.freeing is not None:
                    raise Bound(f"{named(node)}: {first_line(error)}") from error
                raise _refusal(node, error) from error
        _refuse_huge(node, found[0])
        return found[0], found[1]


def _type_of(like: Known | None) -> Known | None:
    """A value that is read for its type alone: none of its numbers, where the type is known."""
    if like is None or like.runs is None or not isinstance(like.runs[0], Tensor):
        return like
    return Known(constant=torch.empty(0, dtype=like.runs[0].dtype))


def _refuse_huge(node: onnx.NodeProto, results: Any) -> None:
    for value in listed(results):
        if isinstance(value, Tensor) and prod(value.shape) > _MOST_NUMBERS:
            sizes = " × ".join(map(str, value.shape))
            raise InputError(f"{named(node)} gives {sizes} numbers for one window, too many")


def _refusal(node: onnx.NodeProto, error: Exception) -> InputError:
    return InputError(f"{named(node)} cannot be computed: {first_line(error)}")


def _name(node: onnx.NodeProto) -> str:
    return node.name or next(name for name in node.output if name)
