"""`onebyone demo`: the answer, faces in a photo, a page of digits; others by their names."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from onebyone.errors import InputError
from onebyone.writing import check_target


class Demo(StrEnum):
    """A part of the demo."""

    answer = "answer"
    faces = "faces"
    digits = "digits"
    photo = "photo"
    onnx = "onnx"
    scan = "scan"


WHOLE = (Demo.answer, Demo.faces, Demo.digits)
"""What is run without a name; the best page comes last."""
COMING = {
    Demo.answer: "is a 1×1 convolution a fully connected layer? (about 5 seconds)",
    Demo.faces: "a face found in a photo through every window (about 15 seconds)",
    Demo.digits: "handwriting read through 27,336 windows at once (about 10 seconds)",
    Demo.photo: "what padding at the photo's border only does (about a minute)",
    Demo.onnx: "which way up a page is, by an ONNX file from PyPI (about 20 seconds)",
    Demo.scan: "a slide scanned, killed half-way, and gone on with (about 30 seconds)",
}
"""What each part shows, and how long it takes on two idle cores."""


def demo(
    part: Annotated[
        Demo | None,
        typer.Argument(help="Run this part only; by default answer, faces and digits."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(help="Folder for the HTML pages; those of an earlier demo go."),
    ] = Path("onebyone-demo"),
) -> None:
    """Show what onebyone does, on real input and without a network connection."""
    console = Console()
    parts = WHOLE if part is None else (part,)
    if part is not Demo.answer:
        _make_folder(out)
    for coming in parts:
        console.print(f"[bold]{coming.value:7}[/] {COMING[coming]}", highlight=False)
    pages: list[Path] = []
    for one in parts:
        console.rule(one.value)
        try:
            pages += import_module(f"onebyone.demos.{one}").run(console, out)
        except InputError as error:
            if one is parts[-1]:
                raise
            console.print(f"{one.value} is left out: {error}", markup=False)
    if pages:
        console.print("\nOpen in a browser, the last one first:" if pages[1:] else "\nOpen it:")
    for page in pages:
        console.print(page, soft_wrap=True)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"--out {out}: is a file, or lies in one; give a folder") from error
    except OSError as error:
        raise InputError(f"--out {out}: the folder cannot be made ({error.strerror})") from error
    for name in (Demo.faces, Demo.digits):
        check_target(out / f"{name}.html")
