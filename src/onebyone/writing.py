"""Writing files whole or not at all, and never over one that is read."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile

from onebyone.errors import InputError

LONGEST = 40  # of the target's own name in that of a temporary file, which has more to it


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and move it there when the block ends well.

    Whatever interrupts the block, `path` holds either what it held before or the whole new file. A
    link is followed. A file that is replaced keeps its mode; a new one gets the umask's.

    Raises:
        InputError: `path` leads to something other than a file that may be written.
        OSError: It cannot be written; the error names `path`.
    """
    target = _target(path)
    temporary = target.with_name(f".{target.stem[:LONGEST]}-{token_hex(4)}.part{target.suffix}")
    try:
        temporary.touch(exist_ok=False)
        mode = _mode(target if target.exists() else temporary)
        yield temporary
        if _mode(temporary) != mode:  # some writers make files that only their owner may read
            temporary.chmod(mode)
        temporary.replace(target)
    except OSError as error:
        if error.filename not in (None, str(temporary), temporary):
            raise  # it is about another file
        if error.errno is None:
            raise OSError(f"{path}: cannot be written ({error})") from error
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: str | Path, reads: Iterable[str | Path] = ()) -> None:
    """Find out, before the work starts, whether `replacing(path)` will be able to write.

    Args:
        path: The file that will be written.
        reads: Files that are read for it, of which it must be none, by whatever name or link.
            They are looked at only where `path` exists.

    Raises:
        InputError: The folder is absent or cannot be written to, `path` leads to something other
            than a file that may be written, or it is one of `reads`.
    """
    target = _target(path)
    if not target.parent.is_dir():
        folder = target.parent if Path(path).is_symlink() else Path(path).parent
        raise InputError(f"{path}: its folder {folder} does not exist")
    try:
        with TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    if not target.exists():
        return
    for read in reads:
        if is_same(target, read):
            named = "" if str(read) == str(path) else f", as {read}"
            raise InputError(f"{path}: is a file that is read{named}; give another name")


def is_same(a: str | Path, b: str | Path) -> bool:
    """Whether two names lead to one file, by whatever links; also one that is still to be made."""
    try:
        return Path(a).samefile(b)
    except FileNotFoundError:
        return os.path.realpath(a) == os.path.realpath(b)
    except (OSError, ValueError):  # not the name of a file at all
        return False


def _target(path: str | Path) -> Path:
    """The file that a name leads to, links followed."""
    try:
        target = Path(path).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a name with a NUL
        raise InputError(f"{path}: leads to no file ({error})") from error
    if target.is_dir():
        raise InputError(f"{path}: is a folder, give a file to write")
    if target.exists() and not target.is_file():
        raise InputError(f"{path}: is a device or a pipe, give a file to write")
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(f"{path}: is read-only; give another name, or make it writable")
    return target


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
