"""`onebyone identify`: the smallest kind that a layer is."""

import json
from typing import Annotated

import typer

from onebyone.cli.convert import layer_fields
from onebyone.cli.options import (
    Input,
    Json,
    Layer,
    Output,
    TensorsOut,
    Trust,
    Weights,
    layer_on_grid,
)
from onebyone.cli.outputs import check_outputs

FIELDS = (
    "kind", "distance", "kernel", "stride", "padding", "dilation", "groups", "weights",
    "dense_weights",
)  # fmt: skip


def identify(
    layer: Layer,
    *,
    input: Input = None,
    output: Output = None,
    tol: Annotated[float, typer.Option(help="The distance to allow.")] = 0.0,
    weights: Weights = None,
    out: TensorsOut = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Find the smallest kind that a layer is; exit status 1 where that is only `dense`."""
    from onebyone.cli.tensors import TENSORS, write_tensors
    from onebyone.layers import identify as layers_identify

    check_outputs(locals(), out=TENSORS)
    module, grid, places = layer_on_grid(layer, weights, input, output, trust)
    found = layers_identify(module, grid, places, tol)
    if out is not None:
        write_tensors(found.layer, out)
    if as_json:
        fields = {name: getattr(found, name) for name in FIELDS}
        print(json.dumps({**fields, **layer_fields(found.layer)}))
    else:
        print(f"{found}\n{found.layer}")
    if found.kind == "dense":
        raise typer.Exit(1)
