"""What a command has found out, printed for people or as JSON, with its exit status."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import typer
from rich.console import Console, RenderableType


class Answer(NamedTuple):
    """What a command has found out.

    Attributes:
        fields: of the answer as JSON.
        text: the answer for people.
        save: writes the file that `--out` names; None where there is nothing to write.
        yes: whether the exit status is 0.
    """

    fields: Any
    text: RenderableType
    save: Callable[[Path], None] | None = None
    yes: bool = True

    def tell(self, *, as_json: bool) -> None:
        """Print the answer.

        Raises:
            typer.Exit: with status 1, where it is no.
        """
        if as_json:
            print(json.dumps(self.fields, ensure_ascii=False))
        elif isinstance(self.text, str):
            print(self.text)
        else:
            Console(width=None if sys.stdout.isatty() else 120).print(self.text)
        if not self.yes:
            raise typer.Exit(1)
