"""`onebyone compare`: the equal forms of a layer, counted and timed."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from onebyone.cli.options import Input, Json, Layer, Output, Trust, Weights, layer_on_grid


def compare(
    layer: Layer,
    *,
    input: Input = None,
    output: Output = None,
    batch: Annotated[int, typer.Option(help="Inputs in a batch.")] = 1,
    weights: Weights = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Count and time every form that a layer can take, and say which to take here."""
    from onebyone.layers import compare as layers_compare

    module, grid, places = layer_on_grid(layer, weights, input, output, trust)
    found = layers_compare(module, grid, places, batch)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        Console(width=None if sys.stdout.isatty() else 120).print(found)
