"""`onebyone demo`: the answer, digits on a page, and faces in a photo."""

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


def demo(
    part: Annotated[
        Part | None, typer.Argument(help="Run this part only; all three by default.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the HTML pages.")] = Path("onebyone-demo"),
) -> None:
    """Show what onebyone does, on real input and without a network connection."""
    console = Console()
    parts = list(Part) if part is None else [part]
    out.mkdir(parents=True, exist_ok=True)
    pages = [page for page in (_run(part, console, out) for part in parts) if page is not None]
    for page in pages:
        console.print(page, soft_wrap=True)


def _run(part: Part, console: Console, out: Path) -> Path | None:
    console.rule(part.value)
    if part is Part.answer:
        from onebyone.demos import answer

        answer.run(console)
        return None
    if part is Part.digits:
        from onebyone.demos import digits

        return digits.run(console, out)
    from onebyone.demos import faces

    return faces.run(console, out)
