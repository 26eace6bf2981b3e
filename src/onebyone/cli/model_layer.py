"""One layer of a model, by its path: `nin-digits:features.0.0`, `net.pt2:features.0`."""

import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram, unflatten
from torch.export.graph_signature import InputKind

from onebyone.cli.models import Chosen, choose
from onebyone.errors import InputError
from onebyone.graphs.aten import arguments, aten, is_call, per_axis, value_of
from onebyone.graphs.capture import example_windows

Grid = tuple[int, ...]
NEAR = 3
CONVOLUTIONS: dict[Any, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {
    overload: kind
    for packet, kind in (
        (aten.conv1d, nn.Conv1d),
        (aten.conv2d, nn.Conv2d),
        (aten.conv3d, nn.Conv3d),
    )
    for overload in (packet.default, packet.padding)
}


def model_layer(text: str, weights: Path | None, *, trust: bool) -> tuple[nn.Module, Grid | None]:
    """Return a layer of a model, and its input grid (C, *space) where the model's window is known.

    Args:
        text: `SPEC:path`, a model as `choose` reads it and the path of a module in it.
        weights: for `choose`.
        trust: for `choose`.

    Raises:
        InputError: the model or the path is unusable.
    """
    spec, _, path = text.rpartition(":")
    chosen = choose(spec, weights, trust=trust)
    program = chosen.model
    model = _modules(program) if isinstance(program, ExportedProgram) else program.eval()
    try:
        layer = model.get_submodule(path)
    except AttributeError:
        near = _near(model, path)
        raise InputError(f"layer {text!r}: {spec} has no module {path!r}; {near}") from None
    return _as_layer(layer), _grid(model, layer, _windows(chosen, model))


def _modules(program: ExportedProgram) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch's own use of its trees
        return unflatten(program)


def _near(model: nn.Module, path: str) -> str:
    names = [name for name, _ in model.named_modules() if name]
    near = get_close_matches(path, names, n=NEAR) or names[:NEAR]
    return f"the nearest names are {', '.join(near)}" if near else "it has no modules within"


def _windows(chosen: Chosen, model: nn.Module) -> Tensor | None:
    """Return windows that the model takes, where it says which."""
    if chosen.window is not None:
        return example_windows(model, chosen.window, 2)
    if not isinstance(chosen.model, ExportedProgram):
        return None
    specs = chosen.model.graph_signature.input_specs
    names = {spec.arg.name for spec in specs if spec.kind is InputKind.USER_INPUT}
    values = [value_of(node) for node in chosen.model.graph.nodes if node.name in names]
    if len(values) != 1 or not isinstance(values[0], Tensor):
        return None
    sizes = [n if isinstance(n, int) else 2 for n in values[0].shape]  # what is free may be 2
    return torch.zeros(sizes, dtype=values[0].dtype)


def _grid(model: nn.Module, layer: nn.Module, windows: Tensor | None) -> Grid | None:
    """Return the grid (C, *space) that reaches the layer when the model runs on windows."""
    shapes: list[Grid] = []

    def note(_layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        shapes.append(tuple(inputs[0].shape[1:]))

    if windows is None:
        return None
    handle = layer.register_forward_pre_hook(note)
    with torch.no_grad():
        model(windows)
    handle.remove()
    if not shapes:
        return None
    if _is_linear(layer) and len(shapes[0]) > 1:  # on channels-last
        return (shapes[0][-1], *shapes[0][:-1])
    return shapes[0]


def _is_linear(layer: nn.Module) -> bool:
    return isinstance(_as_layer(layer), nn.Linear)


def _as_layer(module: nn.Module) -> nn.Module:
    """Return the convolution or fully connected layer that an exported module is."""
    graph = getattr(module, "graph", None)
    if not isinstance(graph, fx.Graph):
        return module
    calls = [node for node in graph.nodes if node.op == "call_function"]
    if len(calls) != 1 or not is_call(calls[0], aten.linear.default, *CONVOLUTIONS):
        return module
    bound = arguments(calls[0])
    weight, bias = (
        None if bound[name] is None else module.get_parameter(bound[name].target)
        for name in ("weight", "bias")
    )
    layer: nn.Module = _empty(calls[0], bound, weight, bias is not None)
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
            "stride": per_axis(bound["stride"], rank, 1),
            "padding": padding if isinstance(padding, str) else per_axis(padding, rank, 0),
            "dilation": per_axis(bound["dilation"], rank, 1),
            "groups": bound["groups"],
        }
        return kind(channels * window["groups"], outputs, tuple(kernel), **window, bias=bias)
