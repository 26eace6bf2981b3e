"""Values of a model's inputs beside the windows, and the files that a model is read from."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from onebyone.errors import InputError, first_line


def read_inputs(texts: Sequence[str]) -> dict[str, Any]:
    """Read NAME=VALUE, a number or an array's `.npy` file each.

    Raises:
        InputError: one is written otherwise, twice there, or its file cannot be read.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise InputError(f"--input {text}: give NAME=VALUE, a number or a .npy file")
        if name in found:
            raise InputError(f"--input {text}: {name} has a value already")
        found[name] = _number(value)
        if found[name] is None:
            found[name] = _array(text, Path(value))
    return found


def files_of(model: str, texts: Sequence[str]) -> Iterator[Path]:
    """The files that a command reads beside those that its words are: of inputs, of weights."""
    for text in texts:
        yield Path(text.partition("=")[2])
    path = Path(model)
    if path.suffix.lower() == ".onnx":
        with suppress(InputError, ModuleNotFoundError):  # the loading of the model says why
            from onebyone.models.onnx.file import data_files

            yield from data_files(path)


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _array(text: str, path: Path) -> np.ndarray:
    if path.suffix.lower() != ".npy":
        raise InputError(f"--input {text}: give a number, or a .npy file")
    try:
        found: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"--input {text}: cannot be read ({first_line(error)})") from error
    return found
