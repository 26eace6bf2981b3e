"""`onebyone convert`: a layer in another form, equal for every input."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from onebyone.cli.values import LAYER_HELP, parse_integers

KIND_HELP = "dense, local, convolution, pointwise, or linear (on channels-last)"


def convert(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help=f"A layer: {LAYER_HELP}.")],
    *,
    to: Annotated[str, typer.Option(help=f"The kind: {KIND_HELP}.")],
    input: Annotated[str, typer.Option(help="The input grid, channels first, as 2,2,2.")],
    output: Annotated[
        str | None, typer.Option(help="The output grid, where a dense layer's outputs have one.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="The layer's weights, .safetensors or .npy.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the new layer's weights, .safetensors.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Turn a layer into an equal one of another kind; exit status 1 where there is none."""
    from onebyone.cli.layer_spec import parse_layer
    from onebyone.cli.tensors import write_tensors
    from onebyone.layers import NotConvertible
    from onebyone.layers import convert as layers_convert

    grid = parse_integers("--input", input) or ()
    places = parse_integers("--output", output)
    module = parse_layer(layer, grid, places, weights)
    try:
        converted = layers_convert(module, to, grid, places)
    except NotConvertible as refusal:
        typer.echo(json.dumps(_refused(refusal), ensure_ascii=False) if as_json else _say(refusal))
        raise typer.Exit(1) from refusal
    if out is not None:
        write_tensors(converted, out)
    if as_json:
        typer.echo(json.dumps({"convertible": True, **layer_fields(converted)}))
    else:
        typer.echo(f"{converted}\n{count(converted):,} weights, {count(module):,} before")


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
