"""The options that the commands on layers share, and what they name."""

from pathlib import Path
from typing import Annotated, Any

import typer

from onebyone.cli.values import parse_integers
from onebyone.errors import InputError

LAYER_HELP = (
    "conv(in,out,kernel,stride=1,padding=0,dilation=1,groups=1,bias=True), also conv1d, conv2d, "
    "conv3d and local; pointwise(in,out); linear(in,out); a weight from a file, as in "
    "conv('w.npy',stride=2), also .safetensors; a layer of a model, as in nin-digits:features.0.0, "
    "net.pt2:conv1 or package.module:function:conv1; or a kind around a layer, as in "
    "dense(conv(2,1,1)), which converts it"
)

Layer = Annotated[str, typer.Argument(metavar="LAYER", help=f"A layer: {LAYER_HELP}.")]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        help="The input grid, channels first, as 2,2,2; of a model's layer by default its own.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option("--output", help="The output grid, where a dense layer's outputs have one."),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        help="The layer's weights, .safetensors or .npy; else a fixed seed. Of a model's layer: "
        "the weights of package.module:function.",
    ),
]
To = Annotated[
    str,
    typer.Option("--to", help="dense, local, convolution, pointwise, or linear (channels-last)."),
]
TensorsOut = Annotated[
    Path | None,
    typer.Option("--out", help="Where to write the resulting layer's weights, .safetensors."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Trust = Annotated[bool, typer.Option("--trust", help="Load a .pt2 that may run code.")]

Grid = tuple[int, ...]
# Layers are `Any` here: naming their type would import torch, and --help would wait for it.


def layer_on_grid(
    text: str, weights: Path | None, input: str | None, output: str | None, trust: bool
) -> tuple[Any, Grid, Grid | None]:
    """Return the layer that the options above name, its input grid and its output grid.

    Raises:
        InputError: the layer, a grid or the file is unusable, or no grid is given.
        typer.Exit: with status 1, when the spec asks for a conversion that does not exist.
    """
    (layer,), grid, places = layers_on_grid((text,), (weights,), input, output, trust)
    return layer, grid, places


def layers_on_grid(
    texts: tuple[str, ...],
    weights: tuple[Path | None, ...],
    input: str | None,
    output: str | None,
    trust: bool,
) -> tuple[list[Any], Grid, Grid | None]:
    """Return layers of one input grid, that grid (C, *space) and their output grid (O, *space').

    Raises:
        InputError: a layer, a grid or a file is unusable, or no grid is given.
        typer.Exit: with status 1, when a spec asks for a conversion that does not exist.
    """
    from onebyone.cli.layer_spec import build_layer, find_layer

    pairs = zip(texts, weights, strict=True)
    found = [find_layer(text, file, trust=trust) for text, file in pairs]
    own = (layer.grid for layer in found if layer.grid is not None)
    grid = parse_integers("--input", input) or next(own, None)
    if grid is None:
        raise InputError("--input is missing: give the layer's input grid, as 2,2,2")
    places = parse_integers("--output", output)
    return [build_layer(layer, grid, places) for layer in found], grid, places
