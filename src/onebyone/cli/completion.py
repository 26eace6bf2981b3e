"""What the shell completes: commands and options by Typer; names of models and files by these.

A shell asks at every press of Tab, so nothing is imported here that takes long: names of timm and
torchvision are found in their source.
"""

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

VARIABLE = "_ONEBYONE_COMPLETE"
"""The environment variable by which the shell's script asks."""
OPTIONS = ("--install-completion", "--show-completion")
BUNDLED = ("nin-digits", "nin-digits-padded")
PACKAGES = ("timm", "torchvision")
MODEL_FILES = (".onnx", ".pt2", ".safetensors")
_REGISTERED = re.compile(
    r'^@register_model(?:\((?:name="(\w+)")?\))?\n(?:(?!def |class ).*\n)*?def (\w+)\(',
    re.MULTILINE,
)
"""How both packages enter a network: by its function's name, or another."""
_BREAKS = (":", "=")  # at which bash breaks words, too

Complete = Callable[[str], list[str]]
"""Gives what may stand where a part of it stands."""


def answer(command: Any, asked: str) -> int:
    """Print what may stand at the cursor, and give the exit status.

    Args:
        command: all of `onebyone`.
        asked: what the shell's script wants, the value of `VARIABLE`.
    """
    from typer.completion import shell_complete

    begun = _join_words() if asked == "complete_bash" else ""
    found = io.StringIO()
    try:
        with redirect_stdout(found):
            status = shell_complete(command, {}, "onebyone", VARIABLE, asked)
    except SystemExit as stop:  # the answer to fish, when it asks whether there is one
        return int(stop.code or 0)
    for line in found.getvalue().splitlines():
        print(line.removeprefix(begun))
    return status


def models(incomplete: str) -> list[str]:
    """Names of models, and files that hold one."""
    package = incomplete.partition(":")[0]
    if ":" in incomplete:
        return sorted(_names(package)) if package in PACKAGES else []
    prefixes = [f"{name}:" for name in PACKAGES if find_spec(name) is not None]
    return [*BUNDLED, *prefixes, *_files(incomplete, MODEL_FILES)]


def one_of(*words: str) -> Complete:
    """Complete one of these words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


def ending(*suffixes: str) -> Complete:
    """Complete the name of a file to write by how it may end, and by files that are there."""

    def complete(incomplete: str) -> list[str]:
        name = Path(incomplete).name
        if not name or incomplete.endswith("/"):
            return []  # then the shell completes folders and files
        begun = Path(incomplete).suffix
        is_one = any(suffix.startswith(begun) for suffix in suffixes)
        stem = incomplete.removesuffix(begun) if is_one else incomplete
        made = [stem + suffix for suffix in suffixes]
        return sorted({*made, *_files(incomplete, suffixes)})

    return complete


def _files(incomplete: str, suffixes: tuple[str, ...]) -> list[str]:
    """Files of a kind, and folders, whose paths begin so."""
    folder, slash, name = incomplete.rpartition("/")
    try:
        found = sorted(Path(folder + slash or ".").iterdir())
    except OSError:
        return []
    near = [path for path in found if path.name.startswith(name) and (name or path.name[0] != ".")]
    kept = [path for path in near if path.name.lower().endswith(suffixes) or path.is_dir()]
    return [folder + slash + path.name + "/" * path.is_dir() for path in kept]


def _names(package: str) -> Iterator[str]:
    """Names that a package's source enters, as `--model` takes them."""
    spec = find_spec(package)
    for place in [] if spec is None else spec.submodule_search_locations or []:
        for path in (Path(place) / "models").glob("*.py"):
            for found in _REGISTERED.finditer(path.read_text(encoding="utf-8")):
                yield f"{package}:{found[1] or found[2]}"


def _join_words() -> str:
    """Put together words that bash has broken at colons and equals signs.

    Returns:
        What bash leaves as it is of the word at the cursor: all up to its last colon.
    """
    words, place = os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])
    joined: list[str] = []
    goes_on = False
    for word in words[: place + 1]:
        breaks = word in _BREAKS
        if joined and (breaks or goes_on):
            joined[-1] += word
        else:
            joined.append(word)
        goes_on = breaks
    os.environ["COMP_WORDS"] = "\n".join(joined)
    os.environ["COMP_CWORD"] = str(len(joined) - 1)
    last = joined[-1].rpartition("=")[2] if joined[-1].startswith("-") else joined[-1]
    return last[: last.rfind(":") + 1]
