"""`onebyone explain`: the picture of a layer, interactive or still, and the lesson."""

from pathlib import Path
from typing import Annotated

import typer

from onebyone.cli.answer import Answer
from onebyone.cli.completion import ending, models
from onebyone.cli.options import LAYER_HELP, Input, Json, Output, Trust, Weights
from onebyone.cli.outputs import check_outputs, next_free
from onebyone.errors import InputError


def explain(
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="LAYER",
            help=f"A layer: {LAYER_HELP}. By default a 1×1 convolution of 2 channels of 2×2.",
            show_default=False,
        ),
    ] = None,
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help="A model, with --layer: nin-digits, timm:NAME, torchvision:NAME, a .onnx or .pt2 "
            "file, or package.module:function.",
            metavar="SPEC",
            autocompletion=models,
        ),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="The path of the model's layer, as features.3.")
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option(
            help="An image: draw over it the class confidence maps of LAYER, here the name or file "
            "of a trained Network in Network; to a .png."
        ),
    ] = None,
    lesson: Annotated[
        bool,
        typer.Option(
            "--lesson",
            help="The lesson instead: is a 1×1 convolution a fully connected layer, in seven steps "
            "that one plays with; to an .html.",
        ),
    ] = False,
    input: Input = None,
    output: Output = None,
    weights: Weights = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The file: .html for the interactive picture, .svg or .png for a still. By "
            "default picture.html, picture.png of --maps, or lesson.html of --lesson; with a "
            "number where that is there.",
            autocompletion=ending(".html", ".svg", ".png"),
        ),
    ] = None,
    as_json: Json = False,
    trust: Trust = False,
) -> None:
    """Draw a layer as convolution, fully connected layers per location, and one such layer."""
    from onebyone.cli.layer_spec import layers_on_grid
    from onebyone.demos.answer import INPUT, example
    from onebyone.figures import explain as draw
    from onebyone.figures import lesson as the_lesson
    from onebyone.figures.still import STILLS

    if lesson:
        if (text, model, layer, maps, input, output, weights) != (None,) * 7:
            raise InputError("--lesson goes with --out only")
        out = next_free(Path("lesson.html")) if out is None else out
        check_outputs({"out": out}, out=(".html",))
        the_lesson().save(out)
        Answer({"out": str(out)}, str(out)).tell(as_json=as_json)
        return
    if out is None:
        out = next_free(Path("picture.html" if maps is None else "picture.png"))
    check_outputs(locals(), out=(".html", *STILLS) if maps is None else (".png",))
    if maps is not None:
        if (model, layer, input, output, weights) != (None,) * 5:
            raise InputError("--maps goes with LAYER and --out only")
        from onebyone.cli.class_maps import draw_class_maps

        draw_class_maps(text or "nin-digits", maps, out)
        print(out)
        return
    if (model is None) != (layer is None) or (model is not None and text is not None):
        raise InputError("--model and --layer go together, and in the place of LAYER")
    text = text if model is None else f"{model}:{layer}"
    if text is not None:
        (module,), grid, places = layers_on_grid((text,), (weights,), input, output, trust)
        figure = draw(module, grid, places)
    elif (input, output, weights) != (None, None, None):
        raise InputError("LAYER is missing: --input, --output and --weights belong to a layer")
    else:
        figure = draw(example(), INPUT)
    figure.save(out)
    rows, columns = figure.matrix.shape
    fields = {"out": str(out), "layer": str(figure.layer), "outputs": rows, "inputs": columns}
    Answer(fields, str(out)).tell(as_json=as_json)
