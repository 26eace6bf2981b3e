"""Beginning a map, going on with one, and keeping others from writing to it meanwhile."""

import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from errno import EEXIST, ENOTEMPTY
from glob import escape
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import zarr
from filelock import FileLock, Timeout

from onebyone.errors import InputError, printable
from onebyone.scans.about import is_whole
from onebyone.scans.durable import PARTIAL, sweep, sync_folder
from onebyone.scans.maps import KEY
from onebyone.scans.store import Store
from onebyone.writing import LONGEST

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
        is_there = target.parent.is_dir()
        if is_there:
            with TemporaryFile(dir=target.parent):
                pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    except (RuntimeError, ValueError) as error:  # links in a circle, a name with a NUL
        raise InputError(f"{path}: leads to no folder ({error})") from error
    if not is_there:
        raise InputError(f"{path}: its folder {path.parent} does not exist")
    for outer in target.parents:  # which --overwrite would lose with all that is in it
        if (outer / "zarr.json").exists() and _told(outer) is not None:
            raise InputError(f"{path}: is inside the map {outer}; give another name")
    for read in map(Path, reads):
        source = read.resolve()
        if target == source or source in target.parents or target in source.parents:
            raise InputError(f"{path}: is in {read}, which is read, or holds it; give another name")


def _told(path: Path) -> dict[str, Any] | None:
    """What a map says of itself; None where there is none."""
    try:
        told: Any = zarr.open_group(str(path), mode="r").attrs.get(KEY)
    except Exception:  # Zarr raises errors of any kind of what is no JSON of its own
        return None
    return told if isinstance(told, dict) and _goes_on(told) else None


def _goes_on(told: Mapping[str, Any]) -> bool:
    """Whether what a map says of itself is enough to go on with it."""
    tile, memory = told.get("tile"), told.get("memory")
    return (
        all(isinstance(told.get(name), dict) for name in ("settings", "machine"))
        and isinstance(tile, list)
        and all(map(is_whole, tile))
        and (is_whole(memory) or ("memory" in told and memory is None))
    )


@contextmanager
def writing(
    store: Store,
    attributes: Mapping[str, Any],
    coordinates: Sequence[np.ndarray],
    *,
    begun: Mapping[str, Any] | None,
    overwrite: bool = False,
) -> Iterator[None]:
    """Make a map where none was begun, and keep others from writing to it within the block.

    Args:
        store: the map.
        attributes: of its group.
        coordinates: the centres of windows along each axis.
        begun: what it says, where one is gone on with.
        overwrite: whether one that is there may be lost.

    Raises:
        InputError: another scan writes to it, or it is damaged.
    """
    path = store.path.resolve()  # what a link leads to
    with ExitStack() as stack:
        if begun is None:
            stack.enter_context(_made(store, path, attributes, coordinates, overwrite=overwrite))
        else:
            _warn_of_machine(store.path, begun["machine"], attributes[KEY]["machine"])
            stack.enter_context(_locked(path, store.path))
            store.check()
        # FileLock sees where it has locked what is gone.
        stack.callback((path / _LOCK).unlink, missing_ok=True)
        sweep(path)
        _sweep_beside(path)
        yield


def _warn_of_machine(path: Path, begun: Any, now: Any) -> None:
    if begun != now:
        warnings.warn(
            f"{path}: was begun on another machine, {printable(str(begun))}; now {now}: the last "
            "bits of scores may differ between its tiles",
            stacklevel=5,
        )


@contextmanager
def _made(
    store: Store,
    path: Path,
    attributes: Mapping[str, Any],
    coordinates: Sequence[np.ndarray],
    *,
    overwrite: bool,
) -> Iterator[None]:
    """Make a map at once, in place of one that is there; it is locked from the beginning on."""
    beside = _beside(path)
    try:
        beside.mkdir()
        with _locked(beside, store.path):
            _make(store, beside, attributes, coordinates)
            if overwrite and path.exists():
                with _locked(path, store.path):
                    old = _beside(path)
                    path.rename(old)
                    beside.rename(path)
                    sync_folder(path.parent)
                    shutil.rmtree(old)
            else:
                _rename(beside, path, store.path)
            yield
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _make(
    store: Store, beside: Path, attributes: Mapping[str, Any], coordinates: Sequence[np.ndarray]
) -> None:
    try:
        store.make(beside, attributes, coordinates)
    except OSError as error:  # names a file that is about to be gone
        raise OSError(error.errno, error.strerror, str(store.path)) from error


def _rename(beside: Path, path: Path, name: Path) -> None:
    try:
        beside.rename(path)
    except OSError as error:
        if error.errno in (EEXIST, ENOTEMPTY):
            raise InputError(f"{name}: another scan has begun it") from error
        raise
    sync_folder(path.parent)


def _beside(path: Path) -> Path:
    """A name for a folder that is to become a map, or was one."""
    return path.with_name(f".{path.name[:LONGEST]}.{token_hex(4)}{PARTIAL}")


def _sweep_beside(path: Path) -> None:
    """Remove what scans that were killed have left beside a map; those that live hold a lock."""
    for left in path.parent.glob(f".{escape(path.name[:LONGEST])}.*{PARTIAL}"):
        with suppress(InputError, OSError), _locked(left, left):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _locked(folder: Path, name: Path) -> Iterator[None]:
    """Hold the lock of a folder; the system frees it when a process dies.

    Raises:
        InputError: another process holds it, or the disk knows no locks.
    """
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{name}: another scan writes to it") from None
    except NotImplementedError as error:
        raise InputError(f"{name}: lies on a disk that knows no locks; give another") from error
    try:
        yield
    finally:
        lock.release()
