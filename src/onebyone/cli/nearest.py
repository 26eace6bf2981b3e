"""`onebyone nearest`: the closest layer of a kind."""

import json
from pathlib import Path
from typing import Annotated

import typer

from onebyone.cli.convert import KIND_HELP, layer_fields
from onebyone.cli.values import LAYER_HELP, one_or_all, parse_integers


def nearest(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=f"A layer: {LAYER_HELP}.")],
    *,
    to: Annotated[str, typer.Option(help=f"The kind: {KIND_HELP}.")],
    input: Annotated[str, typer.Option(help="The input grid, channels first, as 2,2,2.")],
    output: Annotated[
        str | None, typer.Option(help="The output grid, where a dense layer's outputs have one.")
    ] = None,
    kernel: Annotated[
        str | None, typer.Option(help="The kernel of a convolution, as 3 or 3,5.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="The layer's weights, .safetensors or .npy.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the nearest layer's weights, .safetensors.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Find the layer of a kind that is nearest in Frobenius norm, and how far it is."""
    from onebyone.cli.layer_spec import parse_layer
    from onebyone.cli.tensors import write_tensors
    from onebyone.layers import nearest as layers_nearest

    grid = parse_integers("--input", input) or ()
    places = parse_integers("--output", output)
    sizes = one_or_all(parse_integers("--kernel", kernel))
    found = layers_nearest(parse_layer(layer, grid, places, weights), to, grid, places, sizes)
    if out is not None:
        write_tensors(found.layer, out)
    if as_json:
        distances = {"distance": found.distance, "relative": found.relative}
        typer.echo(json.dumps({**layer_fields(found.layer), **distances}))
    else:
        typer.echo(found.layer)
        typer.echo(f"distance {found.distance:.6g}, {found.relative:.0%} of the layer's norm")
