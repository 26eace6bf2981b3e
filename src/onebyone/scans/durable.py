"""A Zarr store whose files are whole and on the disk when a write returns.

Zarr's own store renames, so that a killed process leaves no half file; without fsync a loss of
power may still leave an empty one behind a name.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from secrets import token_hex

from zarr.core.buffer import Buffer
from zarr.storage import LocalStore

PARTIAL = ".partial"


class DurableStore(LocalStore):
    """A folder of files that are written whole, in the order in which they are written."""

    async def set(self, key: str, value: Buffer) -> None:
        """Write one file."""
        self._check_writable()
        await asyncio.to_thread(write, self.root / key, value.to_bytes())

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """What lies in a folder, but for files that are no part of the map, as its lock."""
        async for name in super().list_dir(prefix):
            if not name.startswith("."):
                yield name


def write(path: Path, content: bytes) -> None:
    """Write a file, durably: its bytes are on the disk before its name is.

    Raises:
        OSError: it cannot be; the name then stands for what it stood for before.
    """
    _make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{token_hex(8)}{PARTIAL}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file, durably; it may be absent."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    _sync_folder(path.parent)


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
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk; Windows keeps them by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
