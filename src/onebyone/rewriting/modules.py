"""Fully connected layers and 1×1 convolutions of a module, each made to compute as the other."""

import copy
import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from onebyone.errors import InputError
from onebyone.layers.kinds import CONVOLUTIONS
from onebyone.layers.listed import TRANSPOSED
from onebyone.rewriting.forms import (
    ConvolutionByLinear,
    LinearByConvolution,
    RelabelledLayer,
    adapted,
    operator_name,
)
from onebyone.rewriting.layouts import LAYOUTS
from onebyone.rewriting.left import not_pointwise
from onebyone.rewriting.relabelling import Relabelling, matrices
from onebyone.rewriting.report import Moves, Report, Row
from onebyone.rewriting.selection import Selection


@dataclass(frozen=True)
class Pair:
    """A layer with its path as it was, and as it is, for the check."""

    name: str
    before: nn.Module
    after: nn.Module


def rewrite_module(
    source: nn.Module, to: str, selection: Selection, layout: str, inplace: bool
) -> tuple[nn.Module, Report, list[Pair]]:
    """Make the layers of a module compute by the other operator.

    Returns:
        The module, or a copy of it, the report, and each rewritten layer before and after.

    Raises:
        InputError: the module cannot be copied, or nothing is found under `where`.
    """
    model = source if inplace else _copy(source)
    rows: dict[nn.Module, Row] = {}
    for name, layer, owner in _candidates(model, to):
        reason = next(_obstacles(layer, to, owner, name.rpartition(".")[2]), "")
        rows[layer] = selection.row(name, type(layer).__name__, _shape(layer), reason)
    selection.require(row.name for row in rows.values())
    chosen = {layer: row.name for layer, row in rows.items() if not row.reason}
    pairs = [
        Pair(name, _shell(source.get_submodule(name)), layer) for layer, name in chosen.items()
    ]
    size = _bytes(model)
    _change(model, list(chosen), layout)
    rows |= {layer: replace(rows[layer], became=_became(layer)) for layer in chosen}
    moves = 2 * sum(isinstance(layer, RelabelledLayer) for layer in chosen)
    report = Report(to, layout, tuple(rows.values()), size, _bytes(model), Moves(moves, 0, moves))
    return model, report, pairs


def _copy(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise InputError(
            f"{type(model).__name__} cannot be copied ({error}); pass inplace=True"
        ) from error


def _shell(layer: nn.Module) -> nn.Module:
    """The same layer as another object, with the same parameters."""
    other = copy.copy(layer)
    other._parameters = dict(layer._parameters)
    return other


def _bytes(model: nn.Module) -> int:
    return sum(t.nbytes for t in (*model.parameters(), *model.buffers()) if not is_lazy(t))


def _candidates(model: nn.Module, to: str) -> Iterator[tuple[str, nn.Module, nn.Module | None]]:
    """Each layer that could be meant, once: its path, itself and the module that holds it."""
    for name, layer in model.named_modules():
        if isinstance(layer, _kinds(to)) or _named(layer, to):
            yield name, layer, model.get_submodule(name.rpartition(".")[0]) if name else None


def _kinds(to: str) -> tuple[type[nn.Module], ...]:
    if to == "linear":
        return (*CONVOLUTIONS, *TRANSPOSED, LinearByConvolution)
    return (nn.Linear, *_conv1d(), ConvolutionByLinear)


def _conv1d() -> tuple[type[nn.Module], ...]:
    """The linear layer of GPT-2, where its package is in use."""
    home = sys.modules.get("transformers.pytorch_utils")
    return () if home is None else (home.Conv1D,)


def _named(layer: nn.Module, to: str) -> bool:
    """Whether a module of another kind, a quantised one say, is called a layer of this kind."""
    word = "Linear" if to == "convolution" else "Conv"
    if word not in type(layer).__name__ or not hasattr(layer, "weight"):
        return False
    return not any(isinstance(inner, (RelabelledLayer, *_kinds(to))) for inner in layer.modules())


def _obstacles(layer: nn.Module, to: str, owner: nn.Module | None, name: str) -> Iterator[str]:
    """Why a layer must stay as it is, the first reason first."""
    kind = next((kind for kind in _kinds(to) if isinstance(layer, kind)), None)
    weight = layer._parameters.get("weight")
    if kind is None:
        yield f"{type(layer).__module__}.{type(layer).__name__} keeps its weights in its own way"
    elif weight is None:
        yield "its weight is computed at each call (parametrized, weight_norm or pruned)"
    elif is_lazy(weight):
        yield "it is initialised lazily and has no shape yet; call the model once"
    elif type(weight) is not nn.Parameter:
        yield f"its weight is a {type(weight).__name__}, which only its own operators read"
    elif type(layer).forward is not kind.forward or "forward" in vars(layer):
        yield f"its forward is not that of {kind.__name__}"
    elif owner is not None and _reads(type(owner).forward, name):
        yield f"{type(owner).__name__}.forward reads its weight itself"
    elif to == "linear" and not isinstance(layer, RelabelledLayer):
        yield _not_linear(layer)


def _not_linear(layer: Any) -> str:
    """What a convolution does that no fully connected layer at every position does."""
    padded = isinstance(layer.padding, tuple) and any(layer.padding)
    spread = isinstance(layer, TRANSPOSED) and (max(layer.stride) > 1 or any(layer.output_padding))
    return not_pointwise(layer.kernel_size, padded, spread)


@cache
def _reads(forward: Callable[..., Any], name: str) -> bool:
    """Whether a module's forward computes with a child's weight instead of calling the child."""
    try:
        source = inspect.getsource(forward)
    except (OSError, TypeError):
        return False  # no source: then it is no Python that could read a weight
    weight = rf"(?<!isinstance\()self\.{re.escape(name)}\.weight\b"
    return re.search(weight + r"(?!\.(dtype|device|requires_grad)\b)", source) is not None


def _shape(layer: nn.Module) -> tuple[int, ...]:
    weight = getattr(layer, "weight", None)
    return tuple(weight.shape) if isinstance(weight, Tensor) and not is_lazy(weight) else ()


def _change(model: nn.Module, layers: list[nn.Module], layout: str) -> None:
    """Change the layers' classes, and the shape of each weight that only they read."""
    readers = defaultdict(list)
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                readers[parameter].append((module, name))
    changes = {layer: _turn(layer, layout) for layer in layers}
    stored: dict[Tensor, nn.Parameter] = {}
    for layer, change in changes.items():
        weight = layer._parameters["weight"]
        assert weight is not None
        if all(
            name == "weight" and changes.get(module) == change for module, name in readers[weight]
        ):
            if weight not in stored:
                stored[weight] = viewed(weight, partial(adapted, change))
            layer._parameters["weight"] = stored[weight]


def _turn(layer: Any, layout: str) -> Relabelling:
    """Change a layer's class, and give the relabelling of its weight."""
    if isinstance(layer, RelabelledLayer):
        back, notes = layer.relabelling.inverse, vars(layer)
        layer.__class__ = layer.was  # type: ignore[assignment]  # as in forms
        for name in ("relabelling", "was", "layout"):
            notes.pop(name, None)
        return back
    change = _relabelling(layer, layout)
    layer.was, layer.relabelling = type(layer), change
    if isinstance(layer, (*CONVOLUTIONS, *TRANSPOSED)):
        layer.__class__ = ConvolutionByLinear  # type: ignore[assignment]
    else:
        layer.layout = layout
        layer.__class__ = LinearByConvolution
    return change


def _relabelling(layer: Any, layout: str) -> Relabelling:
    """How a layer's weight is to be read by the other operator."""
    shape = tuple(layer.weight.shape)
    if isinstance(layer, (*CONVOLUTIONS, *TRANSPOSED)):
        blocks = (layer.groups, shape[0] // layer.groups, shape[1])
        return matrices(shape, blocks, layer.transposed)
    # The linear layer of GPT-2 has a row for each input.
    transposed = not isinstance(layer, nn.Linear)
    return matrices(shape, (1, *shape), transposed, LAYOUTS[layout].kernel)


def viewed(parameter: nn.Parameter, view: Callable[[Tensor], Tensor]) -> nn.Parameter:
    """The parameter in another shape: its storage, gradient, and what was noted on it."""
    other = nn.Parameter(view(parameter.detach()), parameter.requires_grad)
    other.__dict__.update(parameter.__dict__)
    if parameter.grad is not None:
        other.grad = view(parameter.grad)
    return other


def _became(layer: nn.Module) -> str:
    if not isinstance(layer, RelabelledLayer):
        return type(layer).__name__
    after, is_convolution = layer.relabelling.after, isinstance(layer, LinearByConvolution)
    return operator_name(after, is_convolution, viewed=layer.weight.shape != after)
