"""`onebyone matrix`: a layer as one matrix, its entries coloured by the weight they share."""

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from onebyone.cli.options import Input, Json, Layer, Output, Trust, Weights, layer_on_grid

MOST_ROWS = 64


def matrix(
    layer: Layer,
    *,
    input: Input = None,
    output: Output = None,
    order: Annotated[
        str, typer.Option(help="How grids are flattened: channels_first or channels_last.")
    ] = "channels_first",
    weights: Weights = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Print a layer as one sparse matrix, with the weights that its entries share."""
    from onebyone.layers import matrix as layer_matrix

    module, grid, places = layer_on_grid(layer, weights, input, output, trust)
    result = layer_matrix(module, grid, places, order)
    if as_json:
        print(json.dumps(_fields(result)))
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
