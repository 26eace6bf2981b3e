"""`onebyone compare`: the equal forms of a layer, counted and timed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from onebyone.cli.answer import Answer
from onebyone.cli.completion import ending
from onebyone.cli.layer_command import Grids, layer_command
from onebyone.cli.options import Out

BARS = Out(
    Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Draw the times as bars: .svg or .png.",
            autocompletion=ending(".svg", ".png"),
        ),
    ],
    (".svg", ".png"),
)


@layer_command(BARS)
def compare(
    layer: Any, grids: Grids, *, batch: Annotated[int, typer.Option(help="Inputs in a batch.")] = 1
) -> Answer:
    """Count and time every form that a layer can take, and say which to take here."""
    from onebyone.figures import bars
    from onebyone.layers import compare as layers_compare

    found = layers_compare(layer, **grids, batch=batch)
    return Answer(found.to_dict(), found.table(), lambda out: bars(found).save(out))
