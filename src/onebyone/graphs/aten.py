"""Reading ATen nodes: arguments by name, shapes of one window, where a node came from."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import fx

from onebyone.graphs.value import Value

aten = torch.ops.aten

CONVOLUTIONS = (aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
PADDED_BY_NAME = (aten.conv1d.padding, aten.conv2d.padding, aten.conv3d.padding)
TRANSPOSED = (
    aten.conv_transpose1d.default, aten.conv_transpose2d.input, aten.conv_transpose3d.input,
)  # fmt: skip
EVERY_CONVOLUTION = (*CONVOLUTIONS, *PADDED_BY_NAME, *TRANSPOSED, aten.convolution.default)
VIEWS = (aten.view.default, aten.reshape.default, aten._unsafe_view.default)
PRODUCTS: dict[Any, tuple[str, str]] = {
    aten.linear.default: ("input", "weight"),
    aten.addmm.default: ("mat1", "mat2"),
    aten.mm.default: ("self", "mat2"),
    aten.bmm.default: ("self", "mat2"),
    aten.matmul.default: ("self", "other"),
}
"""Products of matrices, and what their factors are called."""


def arguments(node: fx.Node) -> dict[str, Any]:
    """The node's arguments by the names of its operator's schema, defaults filled in."""
    defaults = {a.name: a.default_value for a in cast(Any, node.target)._schema.arguments}
    return {**defaults, **dict(zip(defaults, node.args, strict=False)), **node.kwargs}


def per_axis(value: int | list[int] | None, rank: int, default: int) -> tuple[int, ...]:
    """A size per axis from PyTorch's shorthands: one number, a list, or an empty list."""
    if isinstance(value, int):
        return (value,) * rank
    listed = list(value or [default])
    return tuple(listed * rank if len(listed) == 1 else listed)


def is_call(node: object, *targets: Callable[..., Any]) -> bool:
    """Whether a node calls one of these operators."""
    return isinstance(node, fx.Node) and node.op == "call_function" and node.target in targets


def value_of(node: fx.Node) -> Any:
    """What is noted of a node's value: a `Value`, a size or a list; in a program a fake tensor."""
    return node.meta.get("val")


def window_shape(node: fx.Node) -> tuple[int, ...] | None:
    """The shape of a captured node's value for one window, without the batch; see `Value`."""
    value = value_of(node)
    return value.window if isinstance(value, Value) else None


def layer_name(node: fx.Node) -> str:
    """The path of the module that a node came from, or the node's own name."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()]
    return str(paths[-1]).removeprefix("L['self'].") if paths and paths[-1] else node.name


def source_of(node: fx.Node) -> fx.Node:
    """The first node that a node reads."""
    return node.all_input_nodes[0]


def call_before(graph: fx.Graph, node: fx.Node, target: Any, *args: Any) -> fx.Node:
    """Call an operator before a node."""
    with graph.inserting_before(node):
        return graph.call_function(target, args)


def call_after(graph: fx.Graph, node: fx.Node, target: Any, *args: Any) -> fx.Node:
    """Call an operator after a node."""
    with graph.inserting_after(node):
        return graph.call_function(target, args)
