"""A layer in an exported program, as the module that it was."""

from typing import Any

import torch
from torch import fx, nn

aten = torch.ops.aten
LAYERS: dict[Any, type[nn.Module]] = {
    aten.relu: nn.ReLU,
    aten.relu_: nn.ReLU,
    aten.linear: nn.Linear,
    aten.conv1d: nn.Conv1d,
    aten.conv2d: nn.Conv2d,
    aten.conv3d: nn.Conv3d,
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
    kind = LAYERS.get(getattr(calls[0].target, "overloadpacket", None)) if len(calls) == 1 else None
    if kind is None or kind is nn.ReLU:
        return nn.ReLU() if kind else module
    return _built(kind, module, calls[0])


def _is_chain(graph: fx.Graph, calls: list[fx.Node]) -> bool:
    """Whether each call reads the one before, the first the input, and the last is the output."""
    inputs = list(graph.find_nodes(op="placeholder"))
    values = [*inputs, *calls]
    return (
        len(inputs) == 1
        and all(node.args == (before,) for before, node in zip(values, calls, strict=False))
        and graph.output_node().args[0] in (values[-1], (values[-1],))
    )


def _built(kind: type[nn.Module], module: nn.Module, node: fx.Node) -> nn.Module:
    """Build the layer that a node calls; its parameters are the module's, not copies."""
    named = node.normalized_arguments(module, normalize_to_only_use_kwargs=True)
    bound: dict[str, Any] = named.kwargs if named else {}
    weight, bias = (
        None if bound[name] is None else module.get_parameter(bound[name].target)
        for name in ("weight", "bias")
    )
    outputs, channels, *kernel = weight.shape  # type: ignore[union-attr]
    sizes: dict[str, Any] = {}
    if kernel:
        channels *= bound["groups"]
        sizes = {"kernel_size": tuple(kernel), "groups": bound["groups"]}
        for name in ("stride", "padding", "dilation"):
            given, rank = bound[name], len(kernel)  # of each axis, or one number of all
            sizes[name] = given if isinstance(given, str) else tuple((given * rank)[:rank])
    layer = kind(channels, outputs, **sizes, bias=bias is not None, device="meta")
    layer.register_parameter("weight", weight)
    layer.register_parameter("bias", bias)
    return layer
