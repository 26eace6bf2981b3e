"""Layers written on the command line: `conv(2,1,1)`, `linear(8,4)`, `dense(conv(2,1,1))`."""

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
import typer
from torch import Tensor, nn

from onebyone.choices import Kind
from onebyone.cli.here import look_here
from onebyone.cli.options import LAYER_HELP
from onebyone.cli.parsing import parse_integers
from onebyone.cli.streams import say
from onebyone.cli.tensors import read_tensors
from onebyone.errors import InputError, first_line
from onebyone.layers import KINDS, LocallyConnected, NotConvertible, convert
from onebyone.layers.kinds import CONVOLUTIONS
from onebyone.models import load_layer
from onebyone.models.layer import Grid

RANKED = ("conv", "convolution", "pointwise")  # of as many axes as the input has
SEED = 0
KEYWORDS = ("kernel_size", "stride", "padding", "dilation", "groups", "bias", "padding_mode")
MODEL_LAYER = re.compile(r"[^()'\"]+:[^()'\"]*")
WRAPPED = re.compile(rf"(\w+)\((\w+\(.*\)|{MODEL_LAYER.pattern})\)", re.DOTALL)


class _Spec(NamedTuple):
    """A layer as far as it is known without its grid.

    It has kinds to convert it to, the last one first, and a file of weights; or it is a layer of a
    model, which has its weights, and the input grid that it has there.
    """

    text: str
    kinds: tuple[Kind, ...]
    weights: Path | None
    layer: nn.Module | None
    grid: Grid | None


def layers_on_grid(
    texts: tuple[str, ...],
    weights: tuple[Path | None, ...],
    input: str | None,
    output: str | None,
    trust: bool,
) -> tuple[list[nn.Module], Grid, Grid | None]:
    """Return layers of one input grid, that grid (C, *space) and their output grid (O, *space').

    The arguments are what stands on the command line, for each layer its spec and `--weights`.

    Raises:
        InputError: a layer, a grid or a file is unusable, or no grid is given.
        typer.Exit: with status 1, when a spec asks for a conversion that does not exist.
    """
    pairs = zip(texts, weights, strict=True)
    found = [_found(text, file, trust) for text, file in pairs]
    own = (layer.grid for layer in found if layer.grid is not None)
    grid = parse_integers("--input", input) or next(own, None)
    if grid is None:
        raise InputError("--input is missing: give the layer's input grid, as 2,2,2")
    places = parse_integers("--output", output)
    return [_built(layer, grid, places) for layer in found], grid, places


def _found(text: str, weights: Path | None, trust: bool) -> _Spec:
    """Take the kinds off a spec and load the model that it names, if it names one."""
    kinds: list[Kind] = []
    inner = text.strip()
    while (match := WRAPPED.fullmatch(inner)) and match[1] in KINDS:
        kinds.append(cast(Kind, match[1]))
        inner = match[2].strip()
    if not MODEL_LAYER.fullmatch(inner):
        return _Spec(inner, tuple(kinds), weights, None, None)
    look_here(inner.rpartition(":")[0])
    layer, grid = load_layer(inner, weights=weights, trust=trust)
    return _Spec(inner, tuple(kinds), None, layer, grid)


def _built(found: _Spec, input: Grid, output: Grid | None) -> nn.Module:
    """Make the layer of a spec, its weights drawn with a fixed seed or read from a file."""
    layer = found.layer or _constructed(found.text, input)
    if found.weights is not None:
        _load(layer, read_tensors(found.weights, "--weights"), f"--weights {found.weights}")
    for kind in reversed(found.kinds):
        try:
            layer = convert(layer, kind, input, output if isinstance(layer, nn.Linear) else None)
        except NotConvertible as refusal:
            say(f"onebyone: {kind}({found.text}): not convertible: {refusal.reason}")
            raise typer.Exit(1) from refusal
    return layer


def _constructed(text: str, input: Grid) -> nn.Module:
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last of deep brackets
        call = None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise InputError(f"layer {text!r} is not a spec: give {LAYER_HELP}")
    name, makers = call.func.id, _makers(input)
    if name in RANKED and name not in makers:
        grid = ",".join(map(str, input))
        raise InputError(f"--input {grid}: {name} takes channels and 1 to 3 axes, as 2,2,2")
    if name not in makers:
        raise InputError(f"layer {text!r}: no layer is called {name!r}; give {LAYER_HELP}")
    try:
        positional = [_value(text, None, argument) for argument in call.args]
        named = {str(word.arg): _value(text, str(word.arg), word.value) for word in call.keywords}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of no weights: that is refused later
            if positional and isinstance(positional[0], str):
                return _from_file(text, name, makers[name], positional, named)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                return makers[name](*positional, **named)
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError, ZeroDivisionError, IndexError) as error:
        cause = first_line(error)
        raise InputError(f"layer {text!r} cannot be built ({cause}): give {LAYER_HELP}") from error


def _value(text: str, name: str | None, node: ast.expr) -> Any:
    """Return what stands in a spec for an argument: whole numbers, yes or no, or a text."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        value = None
    numbers = value if isinstance(value, tuple | list) else (value,)
    if name not in (None, *KEYWORDS):
        wanted = f"there is no {name}; known are {', '.join(KEYWORDS)}"
    elif name == "bias":
        wanted = "" if isinstance(value, bool) else "give True or False"
    elif name == "padding_mode" or (isinstance(value, str) and name in (None, "padding")):
        wanted = "" if isinstance(value, str) else "give a text in quotes"
    elif all(isinstance(number, int) and number >= 0 for number in numbers):
        wanted = ""
    else:
        wanted = "give a whole number from 0, or one for each axis in brackets"
    if wanted:
        given = ast.unparse(node) if name is None else f"{name}={ast.unparse(node)}"
        raise InputError(f"layer {text!r}: {given}: {wanted}")
    return value


def _from_file(
    text: str,
    name: str,
    make: Callable[..., nn.Module],
    positional: list[Any],
    named: dict[str, Any],
) -> nn.Module:
    """Return the layer of a weight file: its sizes are those of the weight."""
    file, *rest = positional
    tensors = read_tensors(Path(file), f"layer {text!r}:")
    weight = tensors["weight"]
    outputs, window = weight.shape[0], tuple(weight.shape[1:])
    if name == "local":  # [O, *space', C/groups, *kernel]
        window = window[len(window) // 2 :]
    sizes: list[Any] = [window[0] * named.get("groups", 1), outputs]
    if name not in ("linear", "dense", "pointwise"):
        sizes.append(window[1:])
    layer = make(*sizes, *rest, **{"bias": "bias" in tensors, **named}).to(weight.dtype)
    if name == "pointwise":
        weight = weight.reshape(outputs, window[0], *layer.get_parameter("weight").shape[2:])
    _load(layer, {**tensors, "weight": weight}, f"layer {text!r}: {file}")
    return layer


def _makers(input: tuple[int, ...]) -> dict[str, Callable[..., nn.Module]]:
    rank = len(input) - 1
    makers: dict[str, Callable[..., nn.Module]] = {
        "linear": nn.Linear,
        "dense": nn.Linear,
        **{f"conv{n}d": kind for n, kind in enumerate(CONVOLUTIONS, start=1)},
    }
    if 1 <= rank <= len(CONVOLUTIONS):
        convolution = CONVOLUTIONS[rank - 1]
        makers["conv"] = makers["convolution"] = convolution

        def pointwise(channels: int, outputs: int, **options: Any) -> nn.Module:
            return convolution(channels, outputs, 1, **options)

        makers["pointwise"] = pointwise

    def local(channels: int, *arguments: Any, **options: Any) -> nn.Module:
        if channels != input[0]:
            raise InputError(f"--input {input}: local({channels}, ...) takes {channels} channels")
        return LocallyConnected(input, *arguments, **options)

    makers["local"] = local
    return makers


def _load(layer: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in layer.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != given:
        raise InputError(f"{origin} holds {given}: this layer needs {wanted}")
    layer.load_state_dict(tensors)
