"""Names of a model's classes, from a file."""

from pathlib import Path
from typing import Any

from onebyone.errors import InputError


def read_names(path: Path | None) -> tuple[str, ...] | None:
    """Read a file of names, one line for each class; None where there is no file."""
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"--names {path}: not text in UTF-8 (byte {error.start})") from error
    names = tuple(line.strip() for line in lines)
    if not all(names):
        number = names.index("") + 1
        raise InputError(f"--names {path}: line {number} is empty; give one name for each class")
    return names


def check_names(path: Path | None, names: tuple[str, ...] | None, scores: Any) -> None:
    """Refuse names that do not fit the scores [K, ...] of one output."""
    if names is None:
        return
    if not hasattr(scores, "ndim"):
        raise InputError(f"--names {path}: the model has several outputs; leave it out")
    if len(names) != len(scores):
        counts = f"{len(names)} names for {len(scores)} classes"
        raise InputError(f"--names {path}: {counts}; give one line for each, in their order")
