"""The options by which a command is given a model, and what is done to pixels for it."""

from pathlib import Path
from typing import Annotated

import typer

from onebyone.cli.completion import models, one_of

Model = Annotated[
    str,
    typer.Option(
        help="nin-digits, nin-digits-padded, timm:NAME, torchvision:NAME, a file of onebyone "
        "train, a .onnx or .pt2 file, or package.module:function. `onebyone models` lists "
        "names.",
        metavar="SPEC",
        autocompletion=models,
    ),
]
Window = Annotated[
    str | None, typer.Option(help="Window of the model, in pixels.", metavar="C,H,W")
]
Stride = Annotated[
    str | None,
    typer.Option(help="Step between windows; default the model's own.", metavar="S|SY,SX"),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        help="Weights for timm:, torchvision: or package.module:function: .safetensors or .pth."
    ),
]
Download = Annotated[
    bool,
    typer.Option(
        "--download", help="Fetch published weights for timm: and torchvision:, and keep them."
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(help="Classes that timm: and torchvision: are built with.", metavar="N"),
]
Names = Annotated[Path | None, typer.Option(help="Names of the classes, one line for each.")]
Layout = Annotated[
    str | None,
    typer.Option(
        help="The axes of an .onnx file's input, as NHWC; default found.",
        metavar="AXES",
        autocompletion=one_of("NCHW", "NHWC"),
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        help="Value of another input of an .onnx file, a number or a .npy file; repeatable.",
        metavar="NAME=VALUE",
    ),
]
Crops = Annotated[
    bool,
    typer.Option("--crops", help="Run an .onnx file on onnxruntime crop by crop, unshared."),
]
Scale = Annotated[str | None, typer.Option(help="Factor for pixels, as 1/255; before --mean.")]
Mean = Annotated[
    str | None, typer.Option(help="Subtracted, one or one per channel.", metavar="M,...")
]
Std = Annotated[
    str | None, typer.Option(help="Divided by, one or one per channel.", metavar="D,...")
]
