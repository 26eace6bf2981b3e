"""`onebyone models`: the names that `--model` takes."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from onebyone.cli.options import Json


def models(
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT", help="List the names that hold this, as resnet or timm:vit."
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the names that --model takes, with the window that each has."""
    from onebyone.models.listing import named, sources

    if text is None:
        found = sources()
        if as_json:
            print(json.dumps({"sources": [source._asdict() for source in found]}))
        else:
            _print_sources(found)
        return
    names = named(text)
    if as_json:
        print(json.dumps({"models": [name._asdict() for name in names]}))
        return
    width = max(len(name.name) for name in names)
    for name in names:
        print(f"{name.name:{width}}  {','.join(map(str, name.window))}")


def _print_sources(found: Iterable[Any]) -> None:
    for source, version, names in found:
        if names is None:
            print(f"{source}: not installed; pip install 'onebyone[{source}]'")
        elif source == "bundled":
            print(f"{source}: {names} names")
        else:
            print(f"{source} {version}: {names} names, as {source}:NAME")
    print(
        "`onebyone models TEXT` lists the names that hold a text, with their windows C,H,W: "
        "resnet, timm:vit, nin. Files and package.module:function are models, too."
    )
