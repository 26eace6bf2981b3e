"""`onebyone identify`: the smallest kind that a layer is."""

import json
from pathlib import Path
from typing import Annotated

import typer

from onebyone.cli.convert import layer_fields
from onebyone.cli.values import LAYER_HELP, parse_integers

FIELDS = (
    "kind", "distance", "kernel", "stride", "padding", "dilation", "groups", "weights",
    "dense_weights",
)  # fmt: skip


def identify(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=f"A layer: {LAYER_HELP}.")],
    *,
    input: Annotated[str, typer.Option(help="The input grid, channels first, as 2,2,2.")],
    output: Annotated[
        str | None, typer.Option(help="The output grid, where a dense layer's outputs have one.")
    ] = None,
    tol: Annotated[float, typer.Option(help="The distance to allow.")] = 0.0,
    weights: Annotated[
        Path | None, typer.Option(help="The layer's weights, .safetensors or .npy.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the layer's weights, .safetensors.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Find the smallest kind that a layer is; exit status 1 where that is only `dense`."""
    from onebyone.cli.layer_spec import parse_layer
    from onebyone.cli.tensors import write_tensors
    from onebyone.layers import identify as layers_identify

    grid = parse_integers("--input", input) or ()
    places = parse_integers("--output", output)
    found = layers_identify(parse_layer(layer, grid, places, weights), grid, places, tol)
    if out is not None:
        write_tensors(found.layer, out)
    if as_json:
        fields = {name: getattr(found, name) for name in FIELDS}
        typer.echo(json.dumps({**fields, **layer_fields(found.layer)}))
    else:
        typer.echo(f"{found}\n{found.layer}")
    if found.kind == "dense":
        raise typer.Exit(1)
