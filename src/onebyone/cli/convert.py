"""`onebyone convert`: a layer in another form, equal for every input."""

import json
from typing import Any

import typer

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


def convert(
    layer: Layer,
    *,
    to: To,
    input: Input = None,
    output: Output = None,
    weights: Weights = None,
    out: TensorsOut = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Turn a layer into an equal one of another kind; exit status 1 where there is none."""
    from onebyone.cli.tensors import TENSORS, write_tensors
    from onebyone.layers import NotConvertible
    from onebyone.layers import convert as layers_convert

    check_outputs(locals(), out=TENSORS)
    module, grid, places = layer_on_grid(layer, weights, input, output, trust)
    try:
        converted = layers_convert(module, to, grid, places)
    except NotConvertible as refusal:
        print(json.dumps(_refused(refusal), ensure_ascii=False) if as_json else _say(refusal))
        raise typer.Exit(1) from refusal
    if out is not None:
        write_tensors(converted, out)
    if as_json:
        print(json.dumps({"convertible": True, **layer_fields(converted)}))
    else:
        print(f"{converted}\n{count(converted):,} weights, {count(module):,} before")


def layer_fields(layer: Any) -> dict[str, Any]:
    """Return a layer for JSON: as PyTorch writes it, and the shapes of its parameters."""
    shapes = {name: list(tensor.shape) for name, tensor in layer.state_dict().items()}
    return {"layer": str(layer), "shapes": shapes}


def count(layer: Any) -> int:
    """Return the number of weights that a layer stores, biases not counted."""
    return int(layer.get_parameter("weight").numel())


def _say(refusal: Any) -> str:
    near = refusal.nearest
    return (
        f"not convertible: {refusal.reason}\n"
        f"the nearest is {near.distance:.6g} away, {near.relative:.0%} of the layer's norm"
    )


def _refused(refusal: Any) -> dict[str, Any]:
    witness = refusal.witness
    return {
        "convertible": False,
        "reason": refusal.reason,
        "witness": None if witness is None else witness.tolist(),
        "distance": refusal.nearest.distance,
        "relative": refusal.nearest.relative,
    }
