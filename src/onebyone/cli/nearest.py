"""`onebyone nearest`: the closest layer of a kind."""

from functools import partial
from typing import Annotated, Any

import typer

from onebyone.cli.answer import Answer
from onebyone.cli.layer_command import Grids, layer_command
from onebyone.cli.options import TENSORS, To
from onebyone.cli.parsing import one_or_all, parse_integers


@layer_command(TENSORS)
def nearest(
    layer: Any,
    grids: Grids,
    *,
    to: To,
    kernel: Annotated[
        str | None, typer.Option(help="The kernel of a convolution, as 3 or 3,5.")
    ] = None,
) -> Answer:
    """Find the layer of a kind that is nearest in Frobenius norm, and how far it is."""
    from onebyone.cli.tensors import shapes, write_tensors
    from onebyone.layers import nearest as layers_nearest

    sizes = one_or_all(parse_integers("--kernel", kernel))
    found = layers_nearest(layer, to, **grids, kernel=sizes)
    return Answer(
        {**shapes(found.layer), "distance": found.distance, "relative": found.relative},
        f"{found.layer}\ndistance {found.distance:.6g}, {found.relative:.0%} of the layer's norm",
        partial(write_tensors, found.layer),
    )
