"""Beginning a map, going on with one, and keeping others from writing to it meanwhile."""

import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
import zarr
from filelock import FileLock, Timeout
from zarr.errors import BaseZarrError

from onebyone.errors import InputError
from onebyone.scans.durable import PARTIAL, sweep
from onebyone.scans.maps import KEY
from onebyone.scans.settings import refuse_changed
from onebyone.scans.store import Store

_LOCK = ".lock"


def begun_at(
    path: Path, *, resume: bool, overwrite: bool, reads: Sequence[str | Path] = ()
) -> dict[str, Any] | None:
    """What a map says that was begun and is gone on with; None where one is to be made.

    Args:
        path: of the map.
        resume: whether to go on with one that is there.
        overwrite: whether to begin again.
        reads: files that are read for it.

    Raises:
        InputError: there is something at the path that is not asked for, or is no map; it cannot be
            written there; it is in what is read, or holds it.
    """
    if resume and overwrite:
        raise InputError("resume and overwrite exclude each other: go on, or begin again")
    _refuse_place(path, reads)
    if not path.exists() and not path.is_symlink():
        return None
    told = _told(path)
    if told is None:
        raise InputError(f"{path}: is there, and is no map of onebyone scan; give another name")
    if overwrite:
        return None
    if not resume:
        raise InputError(f"{path}: is there; go on with it by --resume, or lose it by --overwrite")
    return told


def _refuse_place(path: Path, reads: Sequence[str | Path]) -> None:
    try:
        target = path.resolve()
        parent = target.parent
        if not parent.is_dir():
            raise InputError(f"{path}: its folder {path.parent} does not exist")
        probe = parent / f".{token_hex(4)}{PARTIAL}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    for read in map(Path, reads):
        source = read.resolve()
        if target == source or source in target.parents or target in source.parents:
            raise InputError(f"{path}: is in {read}, which is read, or holds it; give another name")


def _told(path: Path) -> dict[str, Any] | None:
    """What a map says of itself; None where there is none."""
    try:
        told: Any = zarr.open_group(str(path), mode="r").attrs.get(KEY)
    except (BaseZarrError, OSError, ValueError):
        return None
    return told if isinstance(told, dict) and "settings" in told else None


@contextmanager
def writing(
    store: Store,
    attributes: Mapping[str, Any],
    coordinates: Sequence[np.ndarray],
    *,
    begun: Mapping[str, Any] | None,
) -> Iterator[None]:
    """Make a map where none was begun, and keep others from writing to it within the block.

    Raises:
        InputError: another scan writes to it, or it was begun with other settings.
    """
    if begun is not None:
        about = attributes[KEY]
        refuse_changed(store.path, begun["settings"], about["settings"])
        if begun["machine"] != about["machine"]:
            warnings.warn(
                f"{store.path}: was begun on another machine, {begun['machine']}; now "
                f"{about['machine']}: the last bits of scores may differ between its tiles",
                stacklevel=4,
            )
    elif store.path.exists():
        with _locked(store.path):
            old = store.path.with_name(f".{store.path.name}.{token_hex(4)}{PARTIAL}")
            store.path.rename(old)
            shutil.rmtree(old)
            store.make(attributes, coordinates)
    else:
        store.make(attributes, coordinates)
    with _locked(store.path):
        sweep(store.path)
        yield


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a map; the system frees it when a process dies."""
    lock = FileLock(path / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{path}: another scan writes to it") from None
    try:
        yield
    finally:
        (path / _LOCK).unlink(missing_ok=True)  # FileLock sees where it has locked what is gone
        lock.release()
