"""`onebyone identify`: the smallest kind that a layer is."""

from functools import partial
from typing import Annotated, Any

import typer

from onebyone.cli.answer import Answer
from onebyone.cli.layer_command import Grids, layer_command
from onebyone.cli.options import TENSORS

FIELDS = (
    "kind", "distance", "kernel", "stride", "padding", "dilation", "groups", "weights",
    "dense_weights",
)  # fmt: skip


@layer_command(TENSORS)
def identify(
    layer: Any,
    grids: Grids,
    *,
    tol: Annotated[float, typer.Option(help="The distance to allow.")] = 0.0,
) -> Answer:
    """Find the smallest kind that a layer is; exit status 1 where that is only `dense`."""
    from onebyone.cli.tensors import shapes, write_tensors
    from onebyone.layers import identify as layers_identify

    found = layers_identify(layer, **grids, tol=tol)
    fields = {name: getattr(found, name) for name in FIELDS} | shapes(found.layer)
    text = f"{found}\n{found.layer}"
    return Answer(fields, text, partial(write_tensors, found.layer), yes=found.kind != "dense")
