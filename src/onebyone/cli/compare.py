"""`onebyone compare`: the equal forms of a layer, counted and timed."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from onebyone.cli.options import Input, Json, Layer, Output, Trust, Weights, layer_on_grid
from onebyone.cli.outputs import check_outputs


def compare(
    layer: Layer,
    *,
    input: Input = None,
    output: Output = None,
    batch: Annotated[int, typer.Option(help="Inputs in a batch.")] = 1,
    weights: Weights = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Draw the times as bars: .svg or .png.")
    ] = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Count and time every form that a layer can take, and say which to take here."""
    from onebyone.figures import bars
    from onebyone.figures.still import STILLS
    from onebyone.layers import compare as layers_compare

    check_outputs(locals(), out=STILLS)
    module, grid, places = layer_on_grid(layer, weights, input, output, trust)
    found = layers_compare(module, grid, places, batch)
    if out is not None:
        bars(found).save(out)
    if as_json:
        print(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        Console(width=None if sys.stdout.isatty() else 120).print(found)
