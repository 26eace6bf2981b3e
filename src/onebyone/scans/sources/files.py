"""Files of images: that they are there, and what tells one from another."""

import hashlib
from pathlib import Path

from onebyone.errors import InputError

PIECE = 2**20  # bytes of the beginning and of the end that are compared


def is_folder(path: Path) -> bool:
    """Whether a path leads to a folder, and not to something else.

    Raises:
        InputError: it leads nowhere.
    """
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file")
        return path.is_dir()
    except OSError as error:  # a name too long, a folder that nobody may look into
        raise InputError(f"{path}: leads to no file ({error.strerror})") from error


def check_file(path: Path) -> None:
    """Find out whether a path leads to a file with something in it.

    Raises:
        InputError: it does not.
    """
    if not path.is_file():
        raise InputError(f"{path}: not a file")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path}: the file is empty")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error


def identity(path: Path, reader: str) -> dict[str, str | int | float]:
    """What tells a file from others, whatever its name, and what reads it.

    Args:
        path: of the file.
        reader: its name and version.
    """
    told = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(PIECE))
        file.seek(max(file.tell(), told.st_size - PIECE))
        digest.update(file.read(PIECE))
    return {
        "bytes": told.st_size,
        "mtime_ns": told.st_mtime_ns,
        "sha256": digest.hexdigest(),
        "reader": reader,
    }


def selected(select: dict[str, tuple[int, ...]], space: int) -> dict[str, str | int | float]:
    """What of an image is read, as a part of its identity."""
    chosen = ";".join(f"{axis}={','.join(map(str, select[axis]))}" for axis in sorted(select))
    return {"select": chosen, "space": space}
