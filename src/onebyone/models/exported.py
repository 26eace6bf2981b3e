"""A layer in an exported program, as the module that it was."""

from typing import Any

import torch
from torch import fx, nn

aten = torch.ops.aten
CONVOLUTIONS: dict[Any, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {
    overload: kind
    for packet, kind in (
        (aten.conv1d, nn.Conv1d),
        (aten.conv2d, nn.Conv2d),
        (aten.conv3d, nn.Conv3d),
    )
    for overload in (packet.default, packet.padding)
}


def as_layer(module: nn.Module) -> nn.Module:
    """Return the convolution, fully connected layer, ReLU or sequence that a module is.

    Args:
        module: of an unflattened program; one that is anything else is returned as it is.
    """
    graph = getattr(module, "graph", None)
    if not isinstance(graph, fx.Graph):
        return module
    calls = [node for node in graph.nodes if node.op in ("call_function", "call_module")]
    if all(node.op == "call_module" for node in calls) and _is_chain(graph, calls):
        return nn.Sequential(*(as_layer(module.get_submodule(str(n.target))) for n in calls))
    if len(calls) != 1:
        return module
    if calls[0].target is aten.relu.default:
        return nn.ReLU()
    if calls[0].target in (aten.linear.default, *CONVOLUTIONS):
        return _with_weights(module, calls[0])
    return module


def _is_chain(graph: fx.Graph, calls: list[fx.Node]) -> bool:
    """Whether each call reads the one before, the first the input, and the last is the output."""
    inputs = list(graph.find_nodes(op="placeholder"))
    values = [*inputs, *calls]
    return (
        len(inputs) == 1
        and all(node.args == (before,) for before, node in zip(values, calls, strict=False))
        and graph.output_node().args[0] in (values[-1], (values[-1],))
    )


def _with_weights(module: nn.Module, node: fx.Node) -> nn.Module:
    named = node.normalized_arguments(module, normalize_to_only_use_kwargs=True)
    if named is None:
        return module
    bound = named.kwargs
    weight, bias = (
        None if bound[name] is None else module.get_parameter(bound[name].target)
        for name in ("weight", "bias")
    )
    layer: nn.Module = _empty(node, bound, weight, bias is not None)
    layer.register_parameter("weight", weight)
    layer.register_parameter("bias", bias)
    return layer


def _empty(node: fx.Node, bound: dict[str, Any], weight: Any, bias: bool) -> nn.Module:
    """Return the layer of a node without memory for its parameters."""
    outputs, channels, *kernel = weight.shape
    kind = CONVOLUTIONS.get(node.target)
    with torch.device("meta"):
        if kind is None:
            return nn.Linear(channels, outputs, bias)
        padding, rank = bound["padding"], len(kernel)
        window: dict[str, Any] = {
            "stride": _per_axis(bound["stride"], rank),
            "padding": padding if isinstance(padding, str) else _per_axis(padding, rank),
            "dilation": _per_axis(bound["dilation"], rank),
            "groups": bound["groups"],
        }
        return kind(channels * window["groups"], outputs, tuple(kernel), **window, bias=bias)


def _per_axis(value: int | list[int], rank: int) -> tuple[int, ...]:
    """A size for each axis; one alone is that of all."""
    sizes = [value] if isinstance(value, int) else value
    return tuple(sizes * rank if len(sizes) == 1 else sizes)
