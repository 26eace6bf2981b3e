"""The one place where errors become exit statuses.

Ctrl-C may come while the commands are imported, which takes most of a second. So what is needed for
them is imported inside `main`, which answers it; before it Python shows a traceback.
"""

import os
import sys

from onebyone.errors import InputError, NotExact

YES, NO, TROUBLE = 0, 1, 2  # as in cmp
INTERRUPTED = 128 + 2  # as shells report SIGINT
CLOSED_PIPE = 128 + 13  # and SIGPIPE
VARIABLE = "ONEBYONE_TRACEBACK"
"""The environment variable that has faults of onebyone shown with their traceback."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and give its exit status.

    0 is yes, 1 no, 2 trouble, with one line on standard error; 130 when interrupted.

    Args:
        arguments: The words after `onebyone`; by default those of this process.
    """
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        status, message = INTERRUPTED, "interrupted"
    except BrokenPipeError:
        return CLOSED_PIPE
    except NotExact as error:
        status, message = NO, str(error)
    except BaseException as error:
        status, message = TROUBLE, _trouble(error)
    from onebyone.cli.streams import say

    say(f"onebyone: {message}")
    return status


def _run(words: list[str]) -> int:
    import warnings

    from onebyone.cli import streams

    with streams.made_safe(), warnings.catch_warnings():
        warnings.showwarning = _say_warning  # type: ignore[assignment]  # takes any arguments
        from onebyone.cli.app import run

        return run(words)


def _trouble(error: BaseException) -> str:
    from errno import ENOSPC
    from itertools import starmap

    if isinstance(error, OSError) and (error.errno, error.filename) == (ENOSPC, None):
        return f"standard output: {error.strerror}"  # what writes files names them
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, InputError):
        return "".join(starmap(_option, error.argument.items())) + error.message
    if isinstance(error, OSError):
        return str(error)
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return f"not enough memory ({error}): give smaller sizes"
    if os.environ.get(VARIABLE, "0") not in ("", "0"):
        import traceback

        traceback.print_exception(error)
    first, *_ = [*str(error).strip().splitlines(), "no message"]
    return f"a fault of onebyone, {type(error).__name__}: {first}; {VARIABLE}=1 shows where"


def _option(name: str, value: object) -> str:
    """An argument as it is given on the command line."""
    if value is True:
        return f"--{name}: "
    if isinstance(value, dict):  # inputs={"a": 1}, which is --input a=1
        return "".join(_option(name.removesuffix("s"), f"{key}={v}") for key, v in value.items())
    plain = ",".join(map(str, value)) if isinstance(value, tuple) else value
    return f"--{name} {plain}: "


def _say_warning(message: Warning | str, *_: object) -> None:
    from onebyone.cli.streams import say

    say(f"onebyone: warning: {message}")
