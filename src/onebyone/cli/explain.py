"""`onebyone explain`: the picture of a layer, interactive or still."""

from pathlib import Path
from typing import Annotated

import typer

from onebyone.cli.values import LAYER_HELP, parse_integers
from onebyone.errors import InputError


def explain(
    layer: Annotated[
        str | None,
        typer.Argument(
            metavar="[LAYER]",
            help=f"A layer: {LAYER_HELP}. By default a 1×1 convolution of 2 channels of 2×2.",
            show_default=False,
        ),
    ] = None,
    *,
    input: Annotated[
        str | None, typer.Option(help="The input grid, channels first, as 2,2,2.")
    ] = None,
    output: Annotated[
        str | None, typer.Option(help="The output grid, where a dense layer's outputs have one.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="The layer's weights, a safetensors file.")
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option(
            help="An image: draw over it the class confidence maps of LAYER, here the name or file "
            "of a trained Network in Network; to a .png."
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="The file: .html for the interactive picture, .svg for a still.")
    ] = Path("picture.html"),
) -> None:
    """Draw a layer as convolution, fully connected layers per location, and one such layer."""
    from onebyone.cli.layer_spec import parse_layer
    from onebyone.demos.answer import INPUT, example
    from onebyone.figures import explain as draw

    if maps is not None:
        from onebyone.cli.class_maps import draw_class_maps

        draw_class_maps(layer or "nin-digits", maps, out)
    elif layer is None:
        if (input, output, weights) != (None, None, None):
            raise InputError("LAYER is missing: --input, --output and --weights belong to a layer")
        draw(example(), INPUT).save(out)
    else:
        if input is None:
            raise InputError("--input is missing: give the layer's input grid, as 2,2,2")
        grid = parse_integers("--input", input) or ()
        places = parse_integers("--output", output)
        draw(parse_layer(layer, grid, places, weights), grid, places).save(out)
    typer.echo(out)
