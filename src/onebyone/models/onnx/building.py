"""A network built from a graph of an ONNX file, node by node.

Constants are computed at once. Where the input's sizes are known, each node is run on tensors
without numbers, for two sizes of the batch: numbers that are the same in both are constants, too,
and constants that hold a batch that the file has fixed are found where both contradict each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.func import functional_call

from onebyone.errors import InputError, first_line
from onebyone.models.onnx.batch import free
from onebyone.models.onnx.constants import tensor_of
from onebyone.models.onnx.layers import layer_of
from onebyone.models.onnx.network import Graph
from onebyone.models.onnx.node import Node, OfSizes
from onebyone.models.onnx.nodes import named
from onebyone.models.onnx.table import Operator, find
from onebyone.models.shown import shown

MOST_BYTES = 1 << 28
"""That constants may unfold to, besides 16 times what the file holds."""
_MOST_NUMBERS = 1 << 31
"""In one value of a window."""


@dataclass
class Known:
    """What is known of a value.

    Attributes:
        constant: its numbers, where they are the same for every image.
        sizes: whether it is numbers that follow from sizes, which NumPy computes.
        runs: what it is for two sizes of the batch, without numbers; None where the input's sizes
            are not known.
    """

    constant: Tensor | None = None
    sizes: bool = False
    runs: tuple[Any, Any] | None = None


@dataclass
class Builder:
    """Builds the graphs of one file.

    Attributes:
        path: the file.
        version: of ONNX's operators.
        bytes_left: that constants may still unfold to.
        fixed: the batch that the file says; None where it takes any.
        freed: whether a constant has been changed that held it.
        bound: why the batch cannot be any.
        weights: stored tensors by name, each read once.
    """

    path: Path
    version: int
    bytes_left: int
    fixed: int | None = None
    freed: bool = False
    bound: str = ""
    stored: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def build(self, graph: onnx.GraphProto, network: Graph, known: dict[str, Known]) -> None:
        """Add the nodes of a graph to a network whose inputs are known."""
        self.stored |= {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            self._node(node, network, known)
        outputs = {name: self.known(name, known) for name in network.outputs}
        network.close({k: v.constant for k, v in outputs.items() if v.constant is not None})

    def known(self, name: str, known: dict[str, Known]) -> Known:
        """What is known of a value; a stored one is read when it is asked for."""
        if name not in known:
            value = tensor_of(self.stored[name], self.path)
            if value.is_floating_point():
                value = nn.Parameter(value)
            known[name] = Known(constant=value)
        return known[name]

    def _node(self, node: onnx.NodeProto, network: Graph, known: dict[str, Known]) -> None:
        inputs = [self.known(name, known) if name else None for name in node.input]
        if node.op_type == "CastLike":
            inputs = [inputs[0], _type_of(inputs[1])]
        computed = [k for k in inputs if k is not None and k.constant is None]
        if not computed:
            results = self._folded(node, inputs)
        elif all(k.sizes for k in computed):
            results = self._of_sizes(node, inputs, network)
        else:
            results = self._computed(node, inputs, network)
        known.update((name, k) for name, k in zip(node.output, results, strict=False) if name)

    def _folded(self, node: onnx.NodeProto, inputs: Sequence[Known | None]) -> list[Known]:
        """Compute a node whose inputs are all constant."""
        module = Node(*self._called(node), _places(inputs))
        with torch.no_grad():
            try:
                with torch.device("meta"):
                    sizes = functional_call(module, _without_numbers(module), ())
                self._afford(node, sizes)
                found = module()
            except InputError:
                raise
            except Exception as error:  # of many kinds, as operators are
                raise _refusal(node, error) from error
        return [Known(constant=_tensor(value)) for value in _listed(found)]

    def _afford(self, node: onnx.NodeProto, results: Any) -> None:
        for value in _listed(results):
            if isinstance(value, Tensor):
                self.bytes_left -= value.nbytes
            if self.bytes_left < 0:
                sizes = " × ".join(map(str, value.shape))
                raise InputError(f"{named(node)} unfolds to {sizes} constant numbers, too many")

    def _of_sizes(
        self, node: onnx.NodeProto, inputs: Sequence[Known | None], network: Graph
    ) -> list[Known]:
        """Add a node that computes with sizes."""
        given = {n: k for n, k in zip(node.input, inputs, strict=True) if k is not None}
        constants = {n: k.constant for n, k in given.items() if k.constant is not None}
        module = OfSizes(node, self.version, {n: c.detach() for n, c in constants.items()})
        runs = self._runs(node, module, [given[name] for name in module.names])
        results = _joined(runs, len(node.output), sizes=True)
        if not all(k.constant is not None for k in results):
            network.add(_name(node), module, module.names, node.output)
        return results

    def _computed(
        self, node: onnx.NodeProto, inputs: Sequence[Known | None], network: Graph
    ) -> list[Known]:
        """Add a node that computes with the image."""
        operator, attributes = self._called(node)
        if self.fixed is not None and not self.bound and (changed := free(node, inputs)):
            inputs, self.freed = changed, True
        taken = [k is not None and k.constant is None for k in inputs]
        if "alike" in operator.attributes:
            attributes["alike"] = tuple(n for n, is_taken in enumerate(taken) if not is_taken)
        module = None
        if taken.index(True) == 0 and taken.count(True) == 1:
            constants = [None if k is None else k.constant for k in inputs]
            module = layer_of(node.op_type, attributes, constants)
        if module is None:
            module = Node(operator, attributes, _places(inputs))
        names = [name for name, is_taken in zip(node.input, taken, strict=True) if is_taken]
        values = [k for k in inputs if k is not None and k.constant is None]
        runs = self._runs(node, module, values)
        results = _joined(runs, len(node.output), sizes=operator.name in ("Shape", "Size"))
        if not all(k.constant is not None for k in results):
            network.add(_name(node), module, names, node.output)
        return results

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
        meta = _without_numbers(module)
        found: list[Any] = []
        for run in range(1 if self.bound else 2):
            try:
                with torch.no_grad():
                    given = tuple(k.runs[run] for k in values if k.runs is not None)
                    found.append(functional_call(module, meta, given))
            except Exception as error:
                if run == 0 or self.fixed is None:
                    raise _refusal(node, error) from error
                self.bound = f"{named(node)}: {first_line(error)}"
        _refuse_huge(node, found[0])
        return found[0], found[-1]


def attributes_of(
    node: onnx.NodeProto, operator: Operator, version: int, path: Path
) -> dict[str, Any]:
    """A node's attributes as the function takes them.

    Raises:
        InputError: one has a value that the function does not have.
    """
    schema = onnx.defs.get_schema(node.op_type, version) if not operator.domain else None
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        value = _plain(attribute, path)
        if attribute.name in operator.attributes:
            found[attribute.name] = value
            continue
        declared = schema.attributes.get(attribute.name) if schema else None
        default = declared.default_value if declared else None
        if default is None or not default.name or value != _plain(default, path):
            raise InputError(
                f"{named(node)} has {attribute.name}={shown(value)}, which is not computed"
            )
    return found


def _plain(attribute: onnx.AttributeProto, path: Path) -> Any:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, onnx.TensorProto):
        return tensor_of(value, path)
    if attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS):
        return tuple(value)
    if attribute.type == onnx.AttributeProto.STRINGS:
        return tuple(text.decode(errors="replace") for text in value)
    return value


def _places(inputs: Sequence[Known | None]) -> list[Tensor | int | None]:
    """What a `Node` takes for its inputs: constants, and the places of the others."""
    places: list[Tensor | int | None] = []
    computed = count()
    for k in inputs:
        constant = None if k is None else k.constant
        places.append(next(computed) if k is not None and constant is None else constant)
    return places


def _type_of(like: Known | None) -> Known | None:
    """A value that is read for its type alone: none of its numbers, where the type is known."""
    if like is None or like.runs is None or not isinstance(like.runs[0], Tensor):
        return like
    return Known(constant=torch.empty(0, dtype=like.runs[0].dtype))


def _without_numbers(module: nn.Module) -> dict[str, Tensor]:
    tensors = dict([*module.named_parameters(), *module.named_buffers()])
    return {name: torch.empty_like(t, device="meta") for name, t in tensors.items()}


def _joined(runs: tuple[Any, Any] | None, outputs: int, *, sizes: bool) -> list[Known]:
    """What is known of a node's results from two runs: sizes that are the same are constants."""
    if runs is None:
        return [Known(sizes=sizes) for _ in range(outputs)]
    results = []
    for first, second in zip(*map(_listed, runs), strict=True):
        if isinstance(first, np.ndarray) and np.array_equal(first, second):
            results.append(Known(constant=_tensor(first)))
        else:
            results.append(Known(sizes=isinstance(first, np.ndarray), runs=(first, second)))
    return results


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def _tensor(value: Any) -> Tensor:
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value


def _refuse_huge(node: onnx.NodeProto, results: Any) -> None:
    for value in _listed(results):
        if isinstance(value, Tensor) and prod(value.shape) > _MOST_NUMBERS:
            sizes = " × ".join(map(str, value.shape))
            raise InputError(f"{named(node)} gives {sizes} numbers for one window, too many")


def _refusal(node: onnx.NodeProto, error: Exception) -> InputError:
    return InputError(f"{named(node)} cannot be computed: {first_line(error)}")


def _name(node: onnx.NodeProto) -> str:
    return node.name or next(name for name in node.output if name)
