"""The command `onebyone`, and the one place where errors become exit statuses."""

import os
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from onebyone.cli.bench import bench
from onebyone.cli.calibrate import calibrate
from onebyone.cli.compare import compare
from onebyone.cli.convert import convert
from onebyone.cli.demo import demo
from onebyone.cli.equal import equal
from onebyone.cli.explain import explain
from onebyone.cli.identify import identify
from onebyone.cli.matrix import matrix
from onebyone.cli.nearest import nearest
from onebyone.cli.rewrite import rewrite
from onebyone.cli.slide import slide
from onebyone.cli.train import train
from onebyone.errors import InputError, NotExact

YES, NO, TROUBLE = 0, 1, 2  # as in cmp
INTERRUPTED = 128 + 2  # as shells report SIGINT
CLOSED_PIPE = 128 + 13  # and SIGPIPE

app = typer.Typer(
    name="onebyone",
    help="A convolution is a fully connected layer applied at every window.",
    epilog="Exit status: 0 yes, 1 no (not equal, check failed), 2 trouble (bad input).",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
LAYERS = (matrix, equal, convert, nearest, identify, compare, explain)
for command in (slide, *LAYERS, rewrite, train, bench, calibrate, demo):
    app.command()(command)


def _print_version(asked: bool) -> bool:
    if asked:
        typer.echo(f"onebyone {version('onebyone')}")
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line and give its exit status.

    0 is yes, 1 no, 2 trouble, with one line on standard error; 130 when interrupted.

    Args:
        arguments: The words after `onebyone`; by default those of this process.
    """
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _say_warning  # type: ignore[assignment]  # takes any arguments
            return _run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        status, message = INTERRUPTED, "interrupted"
    except BrokenPipeError:
        # Python flushes standard output once more at exit; let it, to nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except NotExact as error:
        status, message = NO, str(error)
    except TyperException as error:
        status, message = TROUBLE, error.format_message()
    except (InputError, OSError) as error:
        status, message = TROUBLE, str(error)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "can't allocate memory" not in str(error):
            raise
        status, message = TROUBLE, f"not enough memory ({error}): give smaller sizes"
    print("onebyone:", *message.split(), file=sys.stderr)
    return status


def _run(words: list[str]) -> int:
    """Run the command by itself: typer's own runner would turn errors into statuses of its own."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("onebyone", words or ["--help"]) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as stop:
        sys.stdout.flush()
        return stop.exit_code
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # how rich answers a closed pipe
            raise stop.__context__ from None
        raise
    return YES


def _say_warning(message: Warning | str, *_: Any) -> None:
    print("onebyone: warning:", *str(message).split(), file=sys.stderr)
