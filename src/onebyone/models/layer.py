"""One layer of a model, by its path: `nin-digits:features.0.0`, `net.pt2:features.0`."""

import warnings
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram, unflatten

from onebyone.errors import InputError
from onebyone.models.exported import as_layer
from onebyone.models.loading import Model, load
from onebyone.models.pieces import InPieces

Grid = tuple[int, ...]
_NEAR = 3


def load_layer(
    name: str, *, weights: str | Path | None = None, trust: bool = False
) -> tuple[nn.Module, Grid | None]:
    """Load a layer of a model, and its input grid (C, *space) where the model's window is known.

    Args:
        name: `MODEL:path`, a model as `load` takes it and the path of a module in it. A layer of
            an exported program is the module that it was; one of an ONNX file has its node's name.
        weights: for `load`.
        trust: for `load`.

    Raises:
        InputError: the model or the path is unusable.
    """
    given, path = _parted(name)
    found = load(given, weights=weights, trust=trust)
    whole = _modules(found.network)
    model = whole.network if isinstance(whole, InPieces) else whole
    try:
        layer = model.get_submodule(path)
    except AttributeError:
        names = [inner for inner, _ in model.named_modules() if inner]
        near = get_close_matches(path, names, n=_NEAR) or names[:_NEAR]
        hint = f"the nearest names are {', '.join(near)}" if near else "it has no modules within"
        raise InputError(f"layer {name!r}: {given} has no module {path!r}; {hint}") from None
    return as_layer(layer), _grid(whole, layer, _windows(found))


def _parted(name: str) -> tuple[str, str]:
    """A model and a path in it, which may hold colons, too, where the model is a file."""
    parts = name.split(":")
    files = (":".join(parts[:count]) for count in range(1, len(parts)))
    given = next((file for file in files if Path(file).is_file()), ":".join(parts[:-1]))
    return given, name[len(given) + 1 :]


def _modules(network: nn.Module | ExportedProgram) -> nn.Module:
    if isinstance(network, nn.Module):
        return network.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch's own use of its trees
        return unflatten(network)


def _windows(model: Model) -> Tensor | None:
    """Windows that the model takes, where it says which."""
    if isinstance(model.network, ExportedProgram):
        args, kwargs = model.network.example_inputs or ((), {})
        return args[0] if len(args) == 1 and not kwargs and isinstance(args[0], Tensor) else None
    if model.window is None:
        return None
    like = next(model.network.parameters(), torch.empty(0))
    return like.new_zeros(2, *model.window)


def _grid(model: nn.Module, layer: nn.Module, windows: Tensor | None) -> Grid | None:
    """The grid (C, *space) that reaches the layer when the model runs on windows."""
    shapes: list[Grid] = []

    def note(_layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        if inputs and isinstance(inputs[0], Tensor):
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
