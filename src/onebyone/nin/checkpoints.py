"""Checkpoints: all that a training needs to go on as if it had never stopped."""

import io
import pickle
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from onebyone.errors import InputError
from onebyone.writing import check_target, replacing

DIGEST = sha256().digest_size


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Give the state of PyTorch's random numbers, on the CPU and on the device."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Go back to what `random_state` gave."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def save(path: Path, settings: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all: its digest, and what `torch.save` gives."""
    buffer = io.BytesIO()
    torch.save({"settings": dict(settings), "state": dict(state)}, buffer)
    content = buffer.getvalue()
    with replacing(path) as temporary:
        temporary.write_bytes(sha256(content).digest() + content)


def check_new(path: Path) -> None:
    """Make sure that a training that begins can write its checkpoint, and loses none by it."""
    check_target(path)
    if path.exists():
        raise InputError(
            f"checkpoint {path}: is there already, of a training that was interrupted: go on with "
            "it (resume=True, --resume), give another name, or delete it."
        )


def load(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read the state of a checkpoint.

    Args:
        path: The file.
        settings: Those of the training that goes on; they must be the checkpoint's.

    Raises:
        InputError: There is no such file, it is no checkpoint, or it is of another training.
    """
    if not path.is_file():
        raise InputError(f"checkpoint {path}: no such file; nothing to resume.")
    try:
        content = torch.load(_whole(path), weights_only=True, map_location="cpu")
        saved, state = content["settings"], content["state"]
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, TypeError,
            zipfile.BadZipFile) as error:  # fmt: skip
        raise InputError(f"checkpoint {path}: damaged, or none of onebyone's.") from error
    for name, value in settings.items():
        if saved.get(name) != value:
            raise InputError(
                f"checkpoint {path}: is of a training with {name} {saved.get(name)}, not {value}."
            )
    return dict(state)


def _whole(path: Path) -> io.BytesIO:
    """What `torch.save` gave, if it is still that."""
    content = path.read_bytes()
    if sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        raise InputError(f"checkpoint {path}: damaged, or none of onebyone's.")
    return io.BytesIO(content[DIGEST:])
