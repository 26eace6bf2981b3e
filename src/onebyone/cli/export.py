"""`onebyone export`: a map of a scan as a file of another format."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from onebyone.cli.completion import ending
from onebyone.errors import InputError
from onebyone.writing import check_target

SUFFIXES = (".tif", ".ome.tif", ".geojson", ".npy", ".png", ".html", ".csv", ".parquet")
_SIDE = 1600
"""Pixels of the longer side of the picture under a map, at most."""


def export(
    map: Annotated[Path, typer.Argument(metavar="MAP", help="The folder that a scan has written.")],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help=".tif, .ome.tif, .geojson, .npy, .png, .html, .csv or .parquet.",
            autocompletion=ending(*SUFFIXES),
        ),
    ],
    *,
    threshold: Annotated[
        float | None,
        typer.Option(help="Least score of a window in a region (.geojson); 0.5.", metavar="F"),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Only these classes, names or numbers.", metavar="NAME,..."),
    ] = None,
    top: Annotated[
        int | None, typer.Option(help="Windows in a table (.csv, .parquet); 1000.", metavar="N")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(help="The image, to lie under the map (.html).", metavar="IMAGE"),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Export what there is of an unfinished map.")
    ] = False,
) -> None:
    """Write a map as GeoTIFF, OME-TIFF, GeoJSON, a page, a picture, a table or an array."""
    from onebyone.scans.exports import export as export_map

    check_target(out, [] if image is None else [image])
    names = None if classes is None else [name.strip() for name in classes.split(",")]
    if names is not None and not all(names):
        raise InputError(f"--classes {classes}: give names or numbers with commas between")
    export_map(
        map, out, threshold=threshold, classes=names, top=top, partial=partial,
        image=None if image is None else _picture(image),
    )  # fmt: skip
    print(out)


def _picture(image: str) -> np.ndarray:
    """An image of 8 bits made small, as the page shows it."""
    from onebyone.scans.sources.opening import open_source
    from onebyone.scans.sources.thumbnail import thumbnail

    with open_source(image) as source:
        if source.dtype != np.uint8 or source.channels not in (1, 3):
            kind = f"{source.channels} channels of {source.dtype}"
            raise InputError(f"--image {image}: has {kind}; a picture has 1 or 3 of 8 bits")
        picture: np.ndarray = np.rint(thumbnail(source, _SIDE)).astype(np.uint8)
        return picture
