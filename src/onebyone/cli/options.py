"""The options that the commands on layers share, and what they name."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from onebyone.choices import Kind
from onebyone.cli.completion import ending

LAYER_HELP = (
    "conv(in, out, kernel, stride=1, padding=0, dilation=1, groups=1, bias=True), also conv1d, "
    "conv2d, conv3d and local; pointwise(in, out); linear(in, out); a weight from a file, as in "
    "conv('w.npy',stride=2), also .safetensors; a layer of a model, as in nin-digits:features.0.0, "
    "net.pt2:conv1, timm:resnet18:conv1 or package.module:function:conv1; or a kind around a "
    "layer, as in dense(conv(2,1,1)), which converts it"
)

Layer = Annotated[str, typer.Argument(metavar="LAYER", help=f"A layer: {LAYER_HELP}.")]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        help="The input grid, channels first, as 2,2,2; of a model's layer by default its own.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option("--output", help="The output grid, where a dense layer's outputs have one."),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        help="The layer's weights, .safetensors or .npy; else a fixed seed. Of a model's layer: "
        "the weights of timm:, torchvision: or package.module:function.",
    ),
]
To = Annotated[
    Kind,
    typer.Option(
        "--to",
        metavar="KIND",
        help="dense, local, convolution, pointwise, or linear (channels-last).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Trust = Annotated[bool, typer.Option("--trust", help="Load a .pt2 that may run code.")]


class Out(NamedTuple):
    """An option that names a file to write, and how such a name may end."""

    option: Any
    suffixes: tuple[str, ...]


TENSORS = Out(
    Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Where to write the resulting layer's weights, .safetensors.",
            autocompletion=ending(".safetensors"),
        ),
    ],
    (".safetensors",),
)
