"""`onebyone export`: a map of a scan as a file of another format."""

from pathlib import Path
from typing import Annotated

import typer

from onebyone.errors import InputError
from onebyone.writing import check_target


def export(
    map: Annotated[Path, typer.Argument(metavar="MAP", help="The folder that a scan has written.")],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help=".tif, .ome.tif, .geojson, .npy, .png, .html, .csv or .parquet.",
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
    partial: Annotated[
        bool, typer.Option("--partial", help="Export what there is of an unfinished map.")
    ] = False,
) -> None:
    """Write a map as GeoTIFF, OME-TIFF, GeoJSON, a page, a picture, a table or an array."""
    from onebyone.scans.exports import export as export_map

    check_target(out)
    names = None if classes is None else [name.strip() for name in classes.split(",")]
    if names is not None and not all(names):
        raise InputError(f"--classes {classes}: give names or numbers with commas between")
    wanted = names and [int(name) if name.isdigit() else name for name in names]
    export_map(map, out, threshold=threshold, classes=wanted, top=top, partial=partial)
    print(out)
