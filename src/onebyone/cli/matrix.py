"""`onebyone matrix`: a layer as one matrix, its entries coloured by the weight they share."""

from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.text import Text

from onebyone.choices import Order
from onebyone.cli.answer import Answer
from onebyone.cli.layer_command import Grids, layer_command

MOST_ROWS = 64


@layer_command()
def matrix(
    layer: Any,
    grids: Grids,
    *,
    order: Annotated[
        Order,
        typer.Option(
            metavar="ORDER", help="How grids are flattened: channels_first or channels_last."
        ),
    ] = "channels_first",
) -> Answer:
    """Print a layer as one sparse matrix, with the weights that its entries share."""
    from onebyone.layers import matrix as layer_matrix

    found = layer_matrix(layer, **grids, order=order)
    fields = {  # SciPy's CSR arrays, with the weight index behind every entry
        "shape": found.shape,
        "order": found.order,
        "indptr": found.weight.indptr.tolist(),
        "indices": found.weight.indices.tolist(),
        "data": found.weight.data.tolist(),
        "sharing": found.sharing.tolist(),
        "bias": found.bias.tolist(),
        "connections": found.connections.tolist(),
    }
    return Answer(fields, _text(found))


def _text(found: Any) -> RenderableType:
    from onebyone.figures.terminal import CELL, matrix_text

    rows, columns = found.shape
    summary = (
        f"{rows}×{columns} matrix, {found.weight.nnz:,} connections, "
        f"{len(set(found.sharing.tolist())):,} distinct weights"
    )
    width = Console().width
    if rows <= MOST_ROWS and columns * CELL <= width:
        return Group(Text(summary), matrix_text(found))
    return f"{summary}\ntoo large to print {width} columns wide; --json prints it whole"
