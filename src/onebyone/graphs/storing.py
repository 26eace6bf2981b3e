"""Captured graphs as plain data: operators by name, values by shape, no weights and no code."""

import operator
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import fx, nn
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext
from torch.utils import _pytree as pytree

from onebyone.graphs.aten import layer_name, value_of
from onebyone.graphs.capture import Captured

_FUNCTIONS = {
    f"operator.{f.__name__}": f
    for f in (operator.getitem, operator.add, operator.sub, operator.mul, operator.floordiv)
}
_KINDS: dict[str, type] = {
    "dtype": torch.dtype,
    "layout": torch.layout,
    "memory_format": torch.memory_format,
}
_MOST_NUMBERS = 2**16
"""In one constant: tables and masks, but no weights."""


class NotStorable(Exception):
    """A graph holds what plain data cannot."""


def to_data(captured: Captured) -> dict[str, Any]:
    """A captured network as what JSON can hold.

    Raises:
        NotStorable: an operator is not ATen's, a size is no linear function of the batch, the
            network's output is built from other types than tuples, lists and dicts, or a constant
            is large.
    """
    nodes = [node for node in captured.graph.nodes if node.op != "output"]
    places = {node: place for place, node in enumerate(nodes)}
    leaves = range(captured.structure.num_leaves)
    return {
        "nodes": [_node_to_data(node, places) for node in nodes],
        "results": [_to_data(result, places) for result in captured.results],
        "output": _output_to_data(pytree.tree_unflatten(leaves, captured.structure)),
        "constants": {n: _constant_to_data(t) for n, t in captured.constants.named_buffers()},
    }


def from_data(data: dict[str, Any], model: nn.Module, example: torch.Tensor) -> Captured:
    """A captured network from its data.

    Args:
        data: from `to_data`.
        model: the live network, whose parameters the graph reads.
        example: windows, at least two.

    Raises:
        Exception: of any kind, where the data is not what `to_data` gives.
    """
    graph, values = fx.Graph(), _Values(example)
    nodes: list[fx.Node] = []
    for entry in data["nodes"]:
        args = [_from_data(item, nodes) for item in entry["args"]]
        kwargs = {key: _from_data(item, nodes) for key, item in entry["kwargs"].items()}
        target = _target(entry["op"], entry["target"])
        node = graph.create_node(entry["op"], target, tuple(args), kwargs, entry["name"])
        if node.name != entry["name"]:
            raise ValueError(f"two nodes are called {entry['name']}")
        if entry["value"] is not None:
            node.meta["val"] = values.make(entry["value"])
        if entry["layer"] is not None:
            node.meta["nn_module_stack"] = {"": (entry["layer"], "torch.nn.Module")}
        nodes.append(node)
    results = tuple(_from_data(data["results"], nodes))
    graph.output(results)
    graph.lint()
    (image,) = graph.find_nodes(op="placeholder")
    constants = nn.Module()
    for name, entry in data["constants"].items():
        constants.register_buffer(name, _constant(entry), persistent=False)
    structure = pytree.tree_structure(_output(data["output"]))
    return Captured(graph, image, model, constants, results, structure)


def _node_to_data(node: fx.Node, places: dict[fx.Node, int]) -> dict[str, Any]:
    layer = layer_name(node)
    return {
        "op": node.op,
        "name": node.name,
        "target": _target_name(node),
        "args": [_to_data(item, places) for item in node.args],
        "kwargs": {key: _to_data(item, places) for key, item in node.kwargs.items()},
        "value": _value_to_data(value_of(node)),
        "layer": None if layer == node.name else layer,
    }


def _target_name(node: fx.Node) -> str:
    target = node.target
    if node.op in ("placeholder", "get_attr"):
        return str(target)
    if isinstance(target, torch._ops.OpOverload) and target.namespace == "aten":
        return str(target)
    name = f"operator.{getattr(target, '__name__', '')}"
    if _FUNCTIONS.get(name) is not target:
        raise NotStorable(f"{target} is not an operator of ATen")
    return name


def _target(op: str, name: str) -> str | Callable[..., Any]:
    if op in ("placeholder", "get_attr"):
        return name
    if op != "call_function":
        raise ValueError(f"{op} is no operation of a captured graph")
    if name in _FUNCTIONS:
        return _FUNCTIONS[name]
    namespace, packet, overload = name.split(".")
    found = getattr(getattr(torch.ops.aten, packet), overload)
    if namespace != "aten" or not isinstance(found, torch._ops.OpOverload):
        raise ValueError(f"{name} is not an operator of ATen")
    return cast(Callable[..., Any], found)


def _to_data(item: Any, places: dict[fx.Node, int]) -> Any:
    """An argument; what JSON has no word for is a dict of one entry that says its kind."""
    if item is None or isinstance(item, bool | int | float | str):
        return item
    if isinstance(item, fx.Node):
        return {"node": places[item]}
    if isinstance(item, list | tuple):  # ATen makes no difference
        return [_to_data(part, places) for part in item]
    if isinstance(item, torch.device):
        return {"device": str(item)}
    for kind, cls in _KINDS.items():
        if isinstance(item, cls):
            return {kind: str(item).removeprefix("torch.")}
    raise NotStorable(f"{type(item).__name__} is an argument")


def _from_data(data: Any, nodes: list[fx.Node]) -> Any:
    if isinstance(data, list):
        return [_from_data(part, nodes) for part in data]
    if not isinstance(data, dict):
        return data
    ((kind, content),) = data.items()
    if kind == "node":
        return nodes[content]
    if kind == "device":
        return torch.device(content)
    return _named(kind, content)


def _named(kind: str, name: str) -> Any:
    """One of PyTorch's dtypes, layouts or memory formats."""
    found = getattr(torch, name)
    if not isinstance(found, _KINDS[kind]):
        raise TypeError(f"torch.{name} is no {kind}")
    return found


def _value_to_data(value: Any) -> Any:
    """What export recorded: tensors by shape, dtype and device; sizes; lists of them."""
    if value is None:
        return None
    if isinstance(value, torch.Tensor):
        shape = [_size_to_data(n) for n in value.shape]
        return {"shape": shape, "dtype": str(value.dtype)[6:], "device": str(value.device)}
    if isinstance(value, list | tuple):
        return [_value_to_data(item) for item in value]
    return {"size": _size_to_data(value)}


def _size_to_data(size: Any) -> list[int]:
    """A size a·N + b for a batch of N as [a, b]."""
    if type(size) is int:
        return [0, size]
    if not isinstance(size, torch.SymInt):
        raise NotStorable(f"{type(size).__name__} is a value")
    expression = size.node.expr
    (batch,) = expression.free_symbols
    constant = expression.subs(batch, 0)
    slope = expression.subs(batch, 1) - constant
    if expression != slope * batch + constant:
        raise NotStorable(f"{expression} is a size")
    return [int(slope), int(constant)]


class _Values:
    """Fake tensors and sizes with a batch of any size."""

    def __init__(self, example: torch.Tensor) -> None:
        self.mode = FakeTensorMode(shape_env=ShapeEnv())
        sizes = [DimDynamic.DYNAMIC, *[DimDynamic.STATIC] * (example.ndim - 1)]
        context: Any = StatelessSymbolicContext(dynamic_sizes=sizes)
        fake = self.mode.from_tensor(example, symbolic_context=context)
        self.batch = fake.shape[0]

    def make(self, data: Any) -> Any:
        """The value that was stored."""
        if isinstance(data, list):
            return [self.make(item) for item in data]
        if "size" in data:
            return self._size(*data["size"])
        shape = [self._size(*size) for size in data["shape"]]
        with self.mode:
            return torch.empty(shape, dtype=_named("dtype", data["dtype"]), device=data["device"])

    def _size(self, slope: int, constant: int) -> Any:
        return self.batch * slope + constant if slope else constant


def _output_to_data(leaves: Any) -> Any:
    """The numbers of the output's leaves in their structure."""
    if type(leaves) is int:
        return leaves
    if type(leaves) in (list, tuple):
        return [type(leaves).__name__, *map(_output_to_data, leaves)]
    if type(leaves) is dict and all(type(key) is str for key in leaves):
        return {key: _output_to_data(item) for key, item in leaves.items()}
    raise NotStorable(f"the network gives a {type(leaves).__name__}")


def _output(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _output(item) for key, item in data.items()}
    if isinstance(data, list):
        kind, *items = data
        return {"list": list, "tuple": tuple}[kind](map(_output, items))
    return data


def _constant_to_data(tensor: torch.Tensor) -> dict[str, Any]:
    if tensor.numel() > _MOST_NUMBERS or tensor.is_complex() or tensor.is_quantized:
        raise NotStorable(f"a constant has {tensor.numel()} numbers")
    kinds = {"dtype": str(tensor.dtype)[6:], "device": str(tensor.device)}
    return {"numbers": tensor.tolist(), "shape": [*tensor.shape], **kinds}


def _constant(data: dict[str, Any]) -> torch.Tensor:
    dtype = _named("dtype", data["dtype"])
    return torch.tensor(data["numbers"], dtype=dtype, device=data["device"]).reshape(data["shape"])
