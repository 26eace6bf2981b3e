"""`onebyone demo`: the answer, digits on a page, faces and objects in photos."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


class Part(StrEnum):
    """A part of the demo."""

    answer = "answer"
    digits = "digits"
    faces = "faces"
    photo = "photo"


def demo(
    part: Annotated[Part | None, typer.Argument(help="Run this part only; all by default.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the HTML pages.")] = Path("onebyone-demo"),
) -> None:
    """Show what onebyone does, on real input and without a network connection."""
    console = Console()
    parts = list(Part) if part is None else [part]
    out.mkdir(parents=True, exist_ok=True)
    pages = [page for part in parts for page in _run(part, console, out)]
    for page in pages:
        console.print(page, soft_wrap=True)


def _run(part: Part, console: Console, out: Path) -> list[Path]:
    console.rule(part.value)
    if part is Part.answer:
        from onebyone.demos import answer

        answer.run(console)
        return []
    if part is Part.digits:
        from onebyone.demos import digits

        return [digits.run(console, out)]
    if part is Part.faces:
        from onebyone.demos import faces

        return [faces.run(console, out)]
    from onebyone.demos import photo

    return photo.run(console, out)
