"""`onebyone matrix`: a layer as one matrix, its entries coloured by the weight they share."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from onebyone.cli.values import LAYER_HELP, parse_integers

MOST_ROWS = 64


def matrix(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=f"A layer: {LAYER_HELP}.")],
    *,
    input: Annotated[str, typer.Option(help="The input grid, channels first, as 2,2,2.")],
    output: Annotated[
        str | None, typer.Option(help="The output grid, where a dense layer's outputs have one.")
    ] = None,
    order: Annotated[
        str, typer.Option(help="How grids are flattened: channels_first or channels_last.")
    ] = "channels_first",
    weights: Annotated[
        Path | None, typer.Option(help="The layer's weights, a safetensors file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the matrix as JSON.")] = False,
) -> None:
    """Print a layer as one sparse matrix, with the weights that its entries share."""
    from onebyone.cli.layer_spec import parse_layer
    from onebyone.layers import matrix as layer_matrix

    grid = parse_integers("--input", input) or ()
    places = parse_integers("--output", output)
    module = parse_layer(layer, grid, places, weights)
    result = layer_matrix(module, grid, places, order)
    if as_json:
        typer.echo(json.dumps(_fields(result)))
    else:
        _show(result)


def _show(result: Any) -> None:
    import numpy as np

    from onebyone.figures.terminal import CELL, matrix_text

    console = Console(highlight=False)
    rows, columns = result.shape
    console.print(
        f"{rows}×{columns} matrix, {result.weight.nnz:,} connections, "
        f"{len(np.unique(result.sharing)):,} distinct weights"
    )
    if rows <= MOST_ROWS and columns * CELL <= console.width:
        console.print(matrix_text(result))
    else:
        console.print(f"too large to print {console.width} columns wide; --json prints it whole")


def _fields(result: Any) -> dict[str, Any]:
    """Return the matrix as SciPy's CSR arrays, with the weight index behind every entry."""
    return {
        "shape": result.shape,
        "order": result.order,
        "indptr": result.weight.indptr.tolist(),
        "indices": result.weight.indices.tolist(),
        "data": result.weight.data.tolist(),
        "sharing": result.sharing.tolist(),
        "bias": result.bias.tolist(),
        "connections": result.connections.tolist(),
    }
