"""`onebyone nearest`: the closest layer of a kind."""

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
    To,
    Trust,
    Weights,
    layer_on_grid,
)
from onebyone.cli.outputs import check_outputs
from onebyone.cli.values import one_or_all, parse_integers


def nearest(
    layer: Layer,
    *,
    to: To,
    input: Input = None,
    output: Output = None,
    kernel: Annotated[
        str | None, typer.Option(help="The kernel of a convolution, as 3 or 3,5.")
    ] = None,
    weights: Weights = None,
    out: TensorsOut = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Find the layer of a kind that is nearest in Frobenius norm, and how far it is."""
    from onebyone.cli.tensors import TENSORS, write_tensors
    from onebyone.layers import nearest as layers_nearest

    check_outputs(locals(), out=TENSORS)
    module, grid, places = layer_on_grid(layer, weights, input, output, trust)
    sizes = one_or_all(parse_integers("--kernel", kernel))
    found = layers_nearest(module, to, grid, places, sizes)
    if out is not None:
        write_tensors(found.layer, out)
    if as_json:
        distances = {"distance": found.distance, "relative": found.relative}
        print(json.dumps({**layer_fields(found.layer), **distances}))
    else:
        print(found.layer)
        print(f"distance {found.distance:.6g}, {found.relative:.0%} of the layer's norm")
