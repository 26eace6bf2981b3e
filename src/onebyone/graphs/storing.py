"""Captured graphs as plain data: operators by name, values by shape, no weights and no code.

What is read is held against a grammar before a graph is made of it, since torch.fx writes names
into code. The graph must then be one that the network could have been captured as: it reads the
network's own tensors, and its operators give the shapes that stand at its nodes.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic, ShapeEnv, StatelessSymbolicContext
from torch.utils import _pytree as pytree

from onebyone.graphs.aten import is_symbol, layer_name, value_of
from onebyone.graphs.capture import Captured
from onebyone.graphs.graph_grammar import CAPTURED, KINDS, MOST_NUMBERS
from onebyone.models.grammar import Refused, shown
from onebyone.models.operators import name_of, operator_of
from onebyone.models.values import check_values

_BATCH = 101
"""Windows for which the shapes of a graph are compared: no size that a network has by itself."""


class NotStorable(Exception):
    """A graph holds what plain data cannot."""


def to_data(captured: Captured) -> dict[str, Any]:
    """A captured network as what JSON can hold.

    Raises:
        NotStorable: an operator is none that a file may name, a size is no linear function of the
            batch, the network's output is built from other types than tuples, lists and dicts, or
            a constant is large.
    """
    nodes = [node for node in captured.graph.nodes if node.op != "output"]
    places = {node: place for place, node in enumerate(nodes)}
    leaves = range(captured.structure.num_leaves)
    constants = captured.constants.named_buffers()
    try:
        return CAPTURED({  # type: ignore[no-any-return]
            "nodes": [_node_to_data(node, places) for node in nodes],
            "results": [_to_data(result, places) for result in captured.results],
            "output": _output_to_data(pytree.tree_unflatten(leaves, captured.structure)),
            "constants": {key: _constant_to_data(tensor) for key, tensor in constants},
        })  # fmt: skip
    except Refused as refusal:
        raise NotStorable(str(refusal)) from refusal


def from_data(data: Any, model: nn.Module, example: Tensor) -> Captured:
    """A captured network from its data.

    Args:
        data: from `to_data`.
        model: the live network, whose parameters the graph reads.
        example: windows, at least two.

    Raises:
        Refused: the data is not what `to_data` gives of such a network.
    """
    data = CAPTURED(data)
    constants = nn.Module()
    for key, entry in data["constants"].items():
        constants.register_buffer(key, _constant(entry), persistent=False)
    values = _Values(example)
    graph, tensors = fx.Graph(), _tensors(model, constants)
    nodes: list[fx.Node] = []
    for entry in data["nodes"]:
        nodes.append(_node(graph, entry, nodes, tensors))
        if entry["value"] is not None:
            nodes[-1].meta["val"] = values.make(entry["value"])
    results = tuple(_from_data(data["results"], nodes))
    graph.output(results)
    image = _image(data["nodes"], nodes, example)
    leaves = sorted(pytree.tree_leaves(_output(data["output"])))
    if leaves != [*range(len(results))]:
        raise Refused(f"{len(results)} results are put together from {shown(leaves)}")
    read = {node: tensors[str(node.target)] for node in nodes if node.op == "get_attr"}
    check_values(graph, read, {values.symbol: _BATCH})
    _check_results(results)
    structure = pytree.tree_structure(_output(data["output"]))
    return Captured(graph, image, model, constants, results, structure)


def _tensors(model: nn.Module, constants: nn.Module) -> dict[str, Tensor]:
    """What a graph may read from outside, by the names that it has there."""
    live = [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]
    return {f"model.{key}": tensor for key, tensor in live} | {
        f"constants.{key}": tensor for key, tensor in constants.named_buffers()
    }


def _node(
    graph: fx.Graph, entry: Mapping[str, Any], nodes: list[fx.Node], tensors: Mapping[str, Tensor]
) -> fx.Node:
    """One node, behind those that it reads."""
    op, target = entry["op"], entry["target"]
    args = tuple(_from_data(entry["args"], nodes))
    kwargs = {key: _from_data(item, nodes) for key, item in entry["kwargs"].items()}
    if op == "call_function":
        target = operator_of(target)
        schema = getattr(target, "_schema", None)
        known = () if schema is None else [argument.name for argument in schema.arguments]
        if not kwargs.keys() <= {*known} or (schema is not None and schema.is_mutable):
            raise Refused(f"{target} is called with {', '.join(kwargs)}")
    elif args or kwargs or (op == "get_attr" and target not in tensors):
        raise Refused(f"{op} of {shown(target)}")
    node = graph.create_node(op, target, args, kwargs, entry["name"])
    if node.name != entry["name"]:
        raise Refused(f"two nodes are called {entry['name']}")
    if entry["layer"] is not None:
        node.meta["nn_module_stack"] = {"": (entry["layer"], "torch.nn.Module")}
    return node


def _image(entries: list[Mapping[str, Any]], nodes: list[fx.Node], example: Tensor) -> fx.Node:
    """The only input, which must be windows like the example."""
    inputs = [place for place, node in enumerate(nodes) if node.op == "placeholder"]
    sizes = [[1, 0], *([0, n] for n in example.shape[1:])]
    expected = {**_kinds(example), "shape": sizes}
    if [entries[place]["value"] for place in inputs] != [expected]:
        raise Refused("its input is not the network's windows")
    return nodes[inputs[0]]


def _check_results(results: tuple[Any, ...]) -> None:
    for result in results:
        value = value_of(result) if isinstance(result, fx.Node) else None
        if isinstance(value, Tensor) and not (value.ndim and is_symbol(value.shape[0])):
            raise Refused("a result's first dimension is not the batch")


def _node_to_data(node: fx.Node, places: dict[fx.Node, int]) -> dict[str, Any]:
    layer = layer_name(node)
    called = node.op == "call_function"
    return {
        "op": node.op,
        "name": node.name,
        "target": name_of(node.target) if called else str(node.target),
        "args": [_to_data(item, places) for item in node.args],
        "kwargs": {key: _to_data(item, places) for key, item in node.kwargs.items()},
        "value": _value_to_data(value_of(node)),
        "layer": None if layer == node.name else layer,
    }


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
    for kind, known in KINDS.items():
        if item in known.values():
            return {kind: str(item).removeprefix("torch.")}
    raise NotStorable(f"{type(item).__name__} is an argument")


def _from_data(data: Any, nodes: list[fx.Node]) -> Any:
    if isinstance(data, list):
        return [_from_data(part, nodes) for part in data]
    if not isinstance(data, dict):
        return data
    ((kind, content),) = data.items()
    if kind == "device":
        return torch.device(content)
    if kind != "node":
        return KINDS[kind][content]
    if content >= len(nodes):
        raise Refused(f"reads node {content} of {len(nodes)}")
    return nodes[content]


def _value_to_data(value: Any) -> Any:
    """What export recorded: tensors by shape, dtype and device; sizes; lists of them."""
    if value is None:
        return None
    if isinstance(value, Tensor):
        return {"shape": [_size_to_data(n) for n in value.shape], **_kinds(value)}
    if isinstance(value, list | tuple):
        return [_value_to_data(item) for item in value]
    return {"size": _size_to_data(value)}


def _kinds(tensor: Tensor) -> dict[str, str]:
    return {"dtype": str(tensor.dtype)[6:], "device": str(tensor.device)}


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
        batch: Any = fake.shape[0]
        self.batch, self.symbol = batch, batch.node.expr

    def make(self, data: Any) -> Any:
        """The value that was stored."""
        if isinstance(data, list):
            return [self.make(item) for item in data]
        if "size" in data:
            return self._size(*data["size"])
        shape = [self._size(*size) for size in data["shape"]]
        with self.mode:
            return torch.empty(shape, dtype=KINDS["dtype"][data["dtype"]], device=data["device"])

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


def _constant_to_data(tensor: Tensor) -> dict[str, Any]:
    plain = not (tensor.is_complex() or tensor.is_quantized or tensor.is_meta)
    if not plain or tensor.numel() > MOST_NUMBERS:
        raise NotStorable(f"a constant has {tensor.numel()} numbers")
    return {"numbers": tensor.flatten().tolist(), "shape": [*tensor.shape], **_kinds(tensor)}


def _constant(data: dict[str, Any]) -> Tensor:
    dtype = KINDS["dtype"][data["dtype"]]
    try:
        flat = torch.tensor(data["numbers"], dtype=dtype, device=data["device"])
        return flat.reshape(data["shape"])
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise Refused(f"a constant cannot be made ({error})") from error
