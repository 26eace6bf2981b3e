"""The command `onebyone`, made of all commands."""

import os
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from onebyone.cli import completion
from onebyone.cli.bench import bench
from onebyone.cli.calibrate import calibrate
from onebyone.cli.compare import compare
from onebyone.cli.convert import convert
from onebyone.cli.demo import demo
from onebyone.cli.equal import equal
from onebyone.cli.explain import explain
from onebyone.cli.export import export
from onebyone.cli.identify import identify
from onebyone.cli.matrix import matrix
from onebyone.cli.models import models
from onebyone.cli.nearest import nearest
from onebyone.cli.parsing import with_values
from onebyone.cli.rewrite import rewrite
from onebyone.cli.scan import scan
from onebyone.cli.slide import slide
from onebyone.cli.train import train
from onebyone.errors import InputError


class _Plain:
    """A command whose help names no type beside a flag, which takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its options and arguments, --help among them."""
        found: list[Any] = super().get_params(ctx)  # of Typer's class beside
        for option in found:
            if getattr(option, "is_flag", False):
                option.metavar = ""
        return found


def _flowing(text: str) -> str:
    """A docstring whose paragraphs are lines each, which the terminal breaks at its own width."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


class _Command(_Plain, TyperCommand): ...


class _Group(_Plain, TyperGroup): ...


app = typer.Typer(
    name="onebyone",
    cls=_Group,
    help="A convolution is a fully connected layer applied at every window.",
    epilog="Exit status: 0 yes, 1 no (not equal, check failed), 2 trouble (bad input).",
    context_settings={"help_option_names": ["-h", "--help"]},
)
LAYERS = (matrix, equal, convert, nearest, identify, compare, explain)
for command in (slide, scan, export, models, *LAYERS, rewrite, train, bench, calibrate, demo):
    app.command(cls=_Command, help=_flowing(command.__doc__ or ""))(command)


def _print_version(asked: bool) -> bool:
    if asked:
        print(f"onebyone {version('onebyone')}")
        raise typer.Exit
    return asked


@app.callback()
def _top(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    del show_version  # its callback has done the work


def run(words: list[str]) -> int:
    """Run a command by itself, and give its exit status: typer would turn errors into its own."""
    command, words = typer.main.get_command(app), words or ["--help"]
    if asked := os.environ.get(completion.VARIABLE):
        return completion.answer(command, asked)
    try:
        with command.make_context("onebyone", with_values(words)) as context:
            command.invoke(context)
    except typer.Exit as stop:
        if stop.exit_code and words[0] in completion.OPTIONS:
            raise InputError(f"{words[0]}: run it in the shell itself, bash, zsh or fish") from None
        return stop.exit_code
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # how rich answers a closed pipe
            raise stop.__context__ from None
        if words[0] in completion.OPTIONS and not stop.code:  # how Typer ends these
            return 0
        raise InputError(f"code that the command ran asked to exit ({stop.code})") from stop
    except TyperException as error:
        message = error.format_message().replace(": Value error, ", ": ")  # of its checks' library
        raise InputError(message) from error
    return 0
