"""A Zarr store whose files are whole and on the disk when a write returns.

Zarr's own store renames, so that a killed process leaves no half file; without fsync a loss of
power may still leave an empty one behind a name.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from zarr.core.buffer import Buffer
from zarr.storage import LocalStore

PARTIAL = ".partial"


class DurableStore(LocalStore):
    """A folder of files that are written whole, in the order in which they are written."""

    async def set(self, key: str, value: Buffer) -> None:
        """Write one file."""
        await asyncio.to_thread(self.set_sync, key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write one file where there is none."""
        if not await self.exists(key):
            await self.set(key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        """Write one file; newer versions of Zarr call it in threads of their own."""
        self._check_writable()
        write(self.root / key, value.to_bytes())

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """What lies in a folder, but for files that are no part of the map, as its lock."""
        async for name in super().list_dir(prefix):
            if not name.startswith("."):
                yield name


def write(path: Path, content: bytes) -> None:
    """Write a file, durably: its bytes are on the disk before its name is.

    Raises:
        OSError: it cannot be, and is not there if it was not before; it names the file.
    """
    with _naming(path):
        _make_folder(path.parent)
        temporary = path.with_name(f"{path.name}.{token_hex(8)}{PARTIAL}")
        before = path.exists()
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            if not before:
                path.unlink(missing_ok=True)
            raise


def remove(path: Path) -> None:
    """Remove a file, durably; it may be absent."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    with _naming(path):
        sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what writes that were killed have left in a folder and those in it."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.endswith(PARTIAL):
                Path(parent, name).unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have errors name a file, and not a temporary one or none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk; Windows keeps them by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
