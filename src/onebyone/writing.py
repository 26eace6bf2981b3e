"""Writing files whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from onebyone.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and move it there when the block ends well.

    Whatever interrupts the block, `path` holds either what it held before or the whole new file.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: str | Path) -> None:
    """Find out, before the work starts, whether `replacing(path)` will be able to write.

    Raises:
        InputError: The folder is absent or cannot be written to, or `path` is itself a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder, give a file to write")
    if not path.parent.is_dir():
        raise InputError(f"{path}: its folder {path.parent} does not exist")
    try:
        with TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
