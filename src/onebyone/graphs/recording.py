"""A network's graph from running it on tensors without numbers, for two sizes of the batch.

Each operator that runs is noted. What differs between the two runs follows from the batch, and is
written as a size of it; a third run, on one window, must be what that says. Where anything is not
sure nothing is recorded, and torch.export, which takes many times as long, is asked instead.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from onebyone.graphs.aten import aten
from onebyone.graphs.value import Batch, Value

_BATCHES = (7, 11, 1)  # no size that a network has by itself need be avoided: they are compared

# What PyTorch would take apart, in ways that hide what it is.
_FUNCTIONS: dict[Any, Any] = {
    functional.linear: aten.linear.default,
    functional.prelu: aten.prelu.default,
    functional.pad: aten.pad.default,
    functional.max_pool1d: aten.max_pool1d.default,
    functional.avg_pool1d: aten.avg_pool1d.default,
    functional.adaptive_avg_pool1d: aten.adaptive_avg_pool1d.default,
    functional.scaled_dot_product_attention: aten.scaled_dot_product_attention.default,
    **dict.fromkeys((torch.matmul, Tensor.matmul, Tensor.__matmul__), aten.matmul.default),
}

_ADAPTIVE = {
    functional.adaptive_avg_pool2d: aten.adaptive_avg_pool2d.default,
    functional.adaptive_avg_pool3d: aten.adaptive_avg_pool3d.default,
}
WHOLE = frozenset({*_FUNCTIONS.values(), *_ADAPTIVE.values()})
"""Operators that a recorded graph has whole, though PyTorch composes them of others."""


class NotRecorded(Exception):
    """Why a network cannot be recorded surely."""


class Recorded(NamedTuple):
    """A recorded network.

    Attributes:
        graph: of ATen operators, not functional; tensors that it reads are `model.` attributes.
        image: its only input.
        structure: of the output, whose leaves the graph gives.
    """

    graph: fx.Graph
    image: fx.Node
    structure: pytree.TreeSpec


class _Call(NamedTuple):
    """An operator that ran; tensors stand as they were, and are kept alive to be known again."""

    target: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    result: Any
    layer: str


class _Run(NamedTuple):
    """One run: on windows, what ran, and what came out."""

    image: Tensor
    calls: list[_Call]
    outputs: Any


def record(model: nn.Module, example: Tensor) -> Recorded:
    """Record a network.

    Args:
        model: takes [N, C, *space]; it is in eval mode.
        example: windows.

    Raises:
        NotRecorded: it cannot be recorded surely; or whatever the network raises on tensors
            without numbers.
    """
    tensors = dict([*model.named_parameters(), *model.named_buffers()])
    meta = {name: torch.empty_like(t, device="meta") for name, t in tensors.items()}
    runs = [_run(model, meta, example, batch) for batch in _BATCHES]
    return _Writer(tensors, meta, example.device, runs).write()


def _run(model: nn.Module, meta: dict[str, Tensor], example: Tensor, batch: int) -> _Run:
    image = torch.empty(batch, *example.shape[1:], dtype=example.dtype, device="meta")
    before = [(part, dict(part.__dict__)) for part in model.modules()]
    calls: list[_Call] = []
    with (
        torch.no_grad(),
        _layers(model) as layer,
        _Noting(calls, layer) as noting,
        _Functions(noting),
    ):
        outputs = functional_call(model, meta, (image,))
    for part, was in before:
        if part.__dict__.keys() != was.keys() or any(part.__dict__[k] is not was[k] for k in was):
            part.__dict__.clear()
            part.__dict__.update(was)
            raise NotRecorded("it changes its own attributes")
    return _Run(image, calls, outputs)


@contextmanager
def _layers(model: nn.Module) -> Iterator[Callable[[], str]]:
    """Know the path of the module that runs."""
    names = {id(part): name for name, part in model.named_modules()}
    stack, thread = [""], get_ident()

    def enter(part: nn.Module, _inputs: Any) -> None:
        if get_ident() == thread:
            stack.append(names.get(id(part), stack[-1]))

    def leave(_part: nn.Module, _inputs: Any, _output: Any) -> None:
        if get_ident() == thread:
            stack.pop()

    with ExitStack() as stacked:
        stacked.callback(hooks.register_module_forward_pre_hook(enter).remove)
        stacked.callback(hooks.register_module_forward_hook(leave).remove)
        yield lambda: stack[-1]


class _Noting(TorchDispatchMode):
    """Notes every operator that runs."""

    def __init__(self, calls: list[_Call], layer: Callable[[], str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.calls, self.layer, self.paused = calls, layer, False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.note(func, args, kwargs or {}, result)
        return result

    def note(self, target: Any, args: Any, kwargs: Any, result: Any) -> None:
        if not self.paused and target is not torch.ops.prim.device.default:
            self.calls.append(_Call(target, tuple(args), kwargs, result, self.layer()))


class _Functions(TorchFunctionMode):
    """Has some functions noted as one operator, not as those that they are made of."""

    def __init__(self, noting: _Noting) -> None:
        super().__init__()
        self.noting = noting

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        target: Any = _FUNCTIONS.get(func)
        if func in _ADAPTIVE:
            target, args, kwargs = _ADAPTIVE[func], _adaptive(*args, **kwargs), {}
        if target is None or self.noting.paused:
            return func(*args, **kwargs)
        self.noting.paused = True
        try:
            result = func(*args, **kwargs)
        finally:
            self.noting.paused = False
        if not isinstance(result, Tensor):
            raise NotRecorded(f"{func.__name__} gives more than one result")
        names = [argument.name for argument in target._schema.arguments]
        named = {names[0] if name == "input" else name: value for name, value in kwargs.items()}
        known = {name: value for name, value in named.items() if name in names}
        self.noting.note(target, args[: len(names)], known, result)
        return result


def _adaptive(input: Tensor, output_size: int | Sequence[int | None]) -> tuple[Tensor, list[int]]:
    """Arguments of an adaptive pooling with a size for each axis; None stands for the input's."""
    sizes = input.shape[2:]
    asked = [output_size] * len(sizes) if isinstance(output_size, int) else output_size
    return input, [n if m is None else m for m, n in zip(asked, sizes, strict=True)]


class _Writer:
    """Writes the graph of runs that are alike."""

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        meta: Mapping[str, Tensor],
        device: torch.device,
        runs: Sequence[_Run],
    ) -> None:
        self.tensors, self.device, self.runs = tensors, device, runs
        self.graph = fx.Graph()
        self.read = self.image = self.graph.placeholder("windows")
        self.names = {id(tensor): name for name, tensor in meta.items()}
        self.nodes = {id(runs[0].image): self.image}
        self.sizes: dict[Batch, fx.Node] = {}
        self._note(self.image, [run.image for run in runs])

    def write(self) -> Recorded:
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

    def _call(self, same: Sequence[_Call]) -> None:
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
        a, b, *_ = _BATCHES
        times, rest = divmod(same[1] - same[0], b - a)
        found = Batch(times, same[0] - times * a)
        if rest or [found.at(batch) for batch in _BATCHES] != list(same):
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
            self.sizes[size] = self._written(size)
            self.sizes[size].meta["val"] = size
        return self.sizes[size]

    def _written(self, size: Batch) -> fx.Node:
        if size == Batch():
            return self.graph.call_function(aten.sym_size.int, (self.image, 0))
        if size.plus:
            return self.graph.call_function(
                operator.add, (self._of_batch(Batch(size.times)), size.plus)
            )
        return self.graph.call_function(operator.mul, (self._of_batch(Batch()), size.times))
