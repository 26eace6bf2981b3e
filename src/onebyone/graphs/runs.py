"""The graph of runs that are alike: what differs between them follows from the batch."""

import operator
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

from onebyone.graphs.aten import aten
from onebyone.graphs.value import Batch, Value

BATCHES = (7, 11, 1)
"""Windows of each run: two tell what follows from their number, the third checks it."""


class NotRecorded(Exception):
    """Why a network cannot be recorded surely."""


class Recorded(NamedTuple):
    """A recorded network: its graph, which reads `model.` attributes and is not functional."""

    graph: fx.Graph
    image: fx.Node
    structure: pytree.TreeSpec


class Call(NamedTuple):
    """An operator that ran; tensors stand as they were, and are kept alive to be known again."""

    target: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any
    layer: str


class Run(NamedTuple):
    """One run: on windows, what ran, and what came out."""

    image: Tensor
    calls: list[Call]
    outputs: Any


class Writer:
    """Writes the graph of runs that are alike."""

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        meta: Mapping[str, Tensor],
        device: torch.device,
        runs: Sequence[Run],
    ) -> None:
        self.tensors, self.device, self.runs = tensors, device, runs
        self.graph = fx.Graph()
        self.read = self.image = self.graph.placeholder("windows")
        self.names = {id(tensor): name for name, tensor in meta.items()}
        self.nodes = {id(runs[0].image): self.image}
        self.sizes: dict[Batch, fx.Node] = {}
        self._note(self.image, [run.image for run in runs])

    def write(self) -> Recorded:
        """The graph of all runs.

        Raises:
            NotRecorded: they differ in more than sizes that follow from the batch.
        """
        counts = {len(run.calls) for run in self.runs}
        if len(counts) > 1:
            raise NotRecorded("it runs other operators for another batch")
        for same in zip(*(run.calls for run in self.runs), strict=True):
            self._call(same)
        flat = [pytree.tree_flatten(run.outputs) for run in self.runs]
        structure = flat[0][1]
        if any(other != structure for _, other in flat):
            raise NotRecorded("its output is of another structure for another batch")
        outputs = [leaves for leaves, _ in flat]
        self.graph.output(tuple(self._argument(leaves) for leaves in zip(*outputs, strict=True)))
        return Recorded(self.graph, self.image, structure)

    def _call(self, same: Sequence[Call]) -> None:
        first = same[0]
        if len({call.target for call in same}) > 1:
            raise NotRecorded("it runs other operators for another batch")
        args = self._argument([call.args for call in same])
        kwargs = self._argument([dict(call.kwargs) for call in same])
        node = self.graph.call_function(first.target, args, kwargs)
        node.meta["nn_module_stack"] = {"": (first.layer, "torch.nn.Module")}
        self._note(node, [call.result for call in same])

    def _note(self, node: fx.Node, results: Sequence[Any]) -> None:
        """Note a value, and that of each of several."""
        first = results[0]
        if isinstance(first, Tensor):
            node.meta["val"] = self._value(results)
            self.nodes[id(first)] = node
            return
        if not isinstance(first, list | tuple):
            raise NotRecorded(f"{node.target} gives no tensor")
        node.meta["val"] = []
        for place, items in enumerate(zip(*results, strict=True)):
            item = self.graph.call_function(operator.getitem, (node, place))
            item.meta["nn_module_stack"] = node.meta["nn_module_stack"]
            self._note(item, items)
            node.meta["val"].append(item.meta["val"])

    def _value(self, tensors: Sequence[Tensor]) -> Value:
        first = tensors[0]
        if any(t.ndim != first.ndim or t.dtype != first.dtype for t in tensors):
            raise NotRecorded("values are of other types for another batch")
        sizes = tuple(self._size(same) for same in zip(*(t.shape for t in tensors), strict=True))
        return Value(sizes, first.dtype, self.device)

    def _size(self, same: Sequence[int]) -> int | Batch:
        """A size, by what it is in each run."""
        if len(set(same)) == 1:
            return same[0]
        a, b, *_ = BATCHES
        times, rest = divmod(same[1] - same[0], b - a)
        found = Batch(times, same[0] - times * a)
        if rest or [found.at(batch) for batch in BATCHES] != list(same):
            raise NotRecorded("a size is no multiple of the batch")
        return found

    def _argument(self, same: Sequence[Any]) -> Any:
        """An argument of the graph, by what it is in each run."""
        first = same[0]
        if len({type(item) for item in same}) > 1:
            raise NotRecorded("an argument is of another type for another batch")
        if isinstance(first, Tensor):
            return self._tensor(first)
        if isinstance(first, list | tuple):
            if len({len(item) for item in same}) > 1:
                raise NotRecorded("a list is of another length for another batch")
            items = [self._argument(items) for items in zip(*same, strict=True)]
            return tuple(items) if isinstance(first, tuple) else items
        if isinstance(first, dict):
            return {key: self._argument([item[key] for item in same]) for key in first}
        if isinstance(first, torch.device):
            return self.device if first.type == "meta" else first
        if type(first) is int:
            size = self._size(same)
            return size if isinstance(size, int) else self._of_batch(size)
        if any(item != first for item in same):
            raise NotRecorded("an argument follows from the batch")
        return first

    def _tensor(self, tensor: Tensor) -> fx.Node:
        """The node of a tensor: computed before, or the network's own."""
        if id(tensor) not in self.nodes:
            name = self.names.get(id(tensor))
            if name is None:
                raise NotRecorded("it reads a tensor that is none of its own")
            with self.graph.inserting_after(self.read):
                self.read = node = self.graph.get_attr(f"model.{name}")
            own = self.tensors[name]
            node.meta["val"] = Value(tuple(own.shape), own.dtype, own.device)
            self.nodes[id(tensor)] = node
        return self.nodes[id(tensor)]

    def _of_batch(self, size: Batch) -> fx.Node:
        """The node of a size."""
        if size not in self.sizes:
            written: tuple[Any, Any, int] = aten.sym_size.int, self.image, 0
            if size.plus:
                written = operator.add, self._of_batch(Batch(size.times)), size.plus
            elif size.times != 1:
                written = operator.mul, self._of_batch(Batch()), size.times
            self.sizes[size] = self.graph.call_function(written[0], written[1:])
            self.sizes[size].meta["val"] = size
        return self.sizes[size]
