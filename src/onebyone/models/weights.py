"""Weights in files, which are data, put into networks."""

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from onebyone.errors import InputError, first_line

PICKLED = (".pth", ".pt", ".bin")


def put_weights(model: nn.Module, path: Path) -> None:
    """Put the state dict of a file into a model.

    Args:
        model: has exactly the names and shapes of the file.
        path: `.safetensors`, or one of `PICKLED`, of which torch takes tensors only.

    Raises:
        InputError: the file cannot be read, holds more than weights, or does not fit.
    """
    given, wanted = _read(path), model.state_dict()
    wrong = {
        "missing": wanted.keys() - given.keys(),
        "unexpected": given.keys() - wanted.keys(),
        "of another shape": {
            key for key in given.keys() & wanted.keys() if given[key].shape != wanted[key].shape
        },
    }
    faults = [f"{kind}: {_some(keys)}" for kind, keys in wrong.items() if keys]
    if faults:
        raise _refusal(path, f"do not fit the model; {'; '.join(faults)}")
    model.load_state_dict(given)


def _read(path: Path) -> Mapping[str, Tensor]:
    suffix = path.suffix.lower()
    if not path.is_file():
        raise _refusal(path, "no such file")
    if suffix not in (".safetensors", *PICKLED):
        raise _refusal(path, f"give a .safetensors file, or {', '.join(PICKLED)}")
    try:
        if suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, weights_only=True, map_location="cpu")
    except UnpicklingError as error:
        raise _refusal(
            path,
            "refused, it pickles more than weights and could run any code; save the state_dict as "
            ".safetensors",
        ) from error
    except (SafetensorError, RuntimeError, EOFError) as error:
        reason = f"{type(error).__name__}: {first_line(error)}"
        raise _refusal(path, f"not readable, or truncated: {reason}") from error
    if not isinstance(loaded, Mapping) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise _refusal(path, "holds no state_dict (names with tensors)")
    return loaded


def _refusal(path: Path, reason: str) -> InputError:
    return InputError(reason, weights=str(path))


def _some(keys: set[str], shown: int = 5) -> str:
    first = ", ".join(sorted(keys)[:shown])
    return first if len(keys) <= shown else f"{first} and {len(keys) - shown} more"
