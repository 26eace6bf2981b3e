"""Captured networks kept on disk from one process to the next."""

import hashlib
import json
import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path
from torch import nn
from torch.export import ExportedProgram

from onebyone.errors import InputError
from onebyone.graphs.capture import Captured, capture, example_windows
from onebyone.graphs.fingerprint import NoFingerprint, fingerprint
from onebyone.writing import replacing

VARIABLE = "ONEBYONE_CACHE"
"""The environment variable that names the folder; empty or 0 for none."""

MOST = 100
"""Networks that are kept, the last ones written: some 100 KB each."""

_LARGEST = 2**26


def captured(model: nn.Module | ExportedProgram, window: tuple[int, ...]) -> Captured:
    """Capture a network, or read how it was captured when it was last used.

    Takes and gives what `capture` does, and raises and warns as it does. Weights are not kept, the
    graph reads those of `model`. A network whose structure has no sure fingerprint is not kept.

    Warns:
        UserWarning: a file in the cache is damaged and will be replaced, or cannot be written.
    """
    path = _path(model, window) if isinstance(model, nn.Module) else None
    if path is None or not isinstance(model, nn.Module):
        return capture(model, window)
    found = _read(path, model, window)
    if found is None:
        found = capture(model, window)
        _write(path, found)
    return found


def folder() -> Path | None:
    """The cache's folder; None where it is turned off, or the user has no home to have it in."""
    named = os.environ.get(VARIABLE)
    try:
        if named is not None:
            return None if named in ("", "0") else Path(named).expanduser()
        return user_cache_path("onebyone", appauthor=False, opinion=False)
    except RuntimeError:  # there is no home
        return None


def _path(model: nn.Module, window: tuple[int, ...]) -> Path | None:
    """The file of a network and window; None where it cannot be kept."""
    within = folder()
    if within is None:
        return None
    try:
        key = f"{fingerprint(model)} {window} {_sources()}"
    except NoFingerprint:
        return None
    return within / "captured" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


@cache
def _sources() -> str:
    """A digest of the modules that capture: another version of them may give another graph."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    if not files:
        raise NoFingerprint("onebyone's own sources are not in files")
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _read(path: Path, model: nn.Module, window: tuple[int, ...]) -> Captured | None:
    try:
        data = _checked(path)
        # Symbolic shapes take a third of a second to import.
        from onebyone.graphs.storing import from_data

        return from_data(data, model, example_windows(model, window, 2))
    except OSError:  # it is not there; or `_write` will say what is wrong
        return None
    except Exception as error:  # whatever a file holds that another program wrote
        warnings.warn(
            f"{path} is not what onebyone wrote there ({error}); the network is captured again",
            stacklevel=4,  # the caller of slide
        )
        return None


def _write(path: Path, found: Captured) -> None:
    from onebyone.graphs.storing import NotStorable, to_data

    try:
        text = json.dumps({"key": path.stem, "captured": to_data(found)})
    except NotStorable:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(f"{_digest(text)}\n{text}", encoding="utf-8")
        for old in sorted(path.parent.glob("*.json"), key=_written)[:-MOST]:
            old.unlink(missing_ok=True)
    except (OSError, InputError) as error:
        reason = getattr(error, "strerror", None) or error
        warnings.warn(
            f"{path.parent} cannot be written ({reason}): networks are captured anew each time; "
            f"set {VARIABLE} to a folder, or to 0 for none",
            stacklevel=4,  # the caller of slide
        )


def _written(file: Path) -> float:
    return file.stat().st_mtime


def _checked(path: Path) -> Any:
    """What a file holds behind its digest and the key that it was written for."""
    if path.stat().st_size > _LARGEST:
        raise ValueError(f"it has more than {_LARGEST} bytes")
    digest, _, rest = path.read_text(encoding="utf-8").partition("\n")
    if digest != _digest(rest):
        raise ValueError("its digest is not that of its content")
    held = json.loads(rest)
    if not isinstance(held, dict) or held.get("key") != path.stem:
        raise ValueError("it was written for another network")
    return held.get("captured")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
