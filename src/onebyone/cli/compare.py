"""`onebyone compare`: the equal forms of a layer, counted and timed."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from onebyone.cli.values import LAYER_HELP, parse_integers


def compare(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=f"A layer: {LAYER_HELP}.")],
    *,
    input: Annotated[str, typer.Option(help="The input grid, channels first, as 2,2,2.")],
    output: Annotated[
        str | None, typer.Option(help="The output grid, where a dense layer's outputs have one.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Inputs in a batch.")] = 1,
    weights: Annotated[
        Path | None, typer.Option(help="The layer's weights, .safetensors or .npy.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Count and time every form that a layer can take, and say which to take here."""
    from onebyone.cli.layer_spec import parse_layer
    from onebyone.layers import compare as layers_compare

    grid = parse_integers("--input", input) or ()
    places = parse_integers("--output", output)
    found = layers_compare(parse_layer(layer, grid, places, weights), grid, places, batch)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        Console(width=None if sys.stdout.isatty() else 120).print(found)
