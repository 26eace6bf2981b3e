"""One layer of a model, by its path: `nin-digits:features.0.0`, `net.pt2:features.0`."""

import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram, unflatten
from torch.export.graph_signature import InputKind

from onebyone.cli.exported import as_layer
from onebyone.cli.models import Chosen, choose
from onebyone.errors import InputError
from onebyone.graphs.aten import value_of
from onebyone.graphs.capture import example_windows

Grid = tuple[int, ...]
NEAR = 3


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
    return as_layer(layer), _grid(model, layer, _windows(chosen, model))


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
    if not isinstance(chosen.model, ExportedProgram):
        return None if chosen.window is None else example_windows(model, chosen.window, 2)
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
    if isinstance(as_layer(layer), nn.Linear) and len(shapes[0]) > 1:  # on channels-last
        return (shapes[0][-1], *shapes[0][:-1])
    return shapes[0]
