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
_COUNTER = ".num_batches_tracked"


def put_weights(model: nn.Module, path: Path, *, takes_classes: bool = False) -> None:
    """Put the state dict of a file into a model.

    Args:
        model: has exactly the names and shapes of the file, which may lack BatchNorm's counters of
            batches: files older than these have none, and no crop reads them.
        path: `.safetensors`, or one of `PICKLED`, of which torch takes tensors only.
        takes_classes: whether the model can be had with another number of classes.

    Raises:
        InputError: the file cannot be read, holds more than weights, or does not fit.
    """
    wanted = model.state_dict()
    counters = {name: value for name, value in wanted.items() if name.endswith(_COUNTER)}
    given = {**counters, **_read(path)}
    wrong = {
        "missing": wanted.keys() - given.keys(),
        "unexpected": given.keys() - wanted.keys(),
        "of another shape": {
            key for key in given.keys() & wanted.keys() if given[key].shape != wanted[key].shape
        },
    }
    faults = [f"{kind}: {_some(keys)}" for kind, keys in wrong.items() if keys]
    if faults:
        *names, shapes = wrong.values()
        hint = _classes(given, wanted, shapes) if takes_classes and not any(names) else ""
        raise _refusal(path, f"do not fit the model; {'; '.join(faults)}{hint}")
    model.load_state_dict(given)


def _classes(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], wrong: set[str]) -> str:
    """What number of classes would fit, where the rows of the classifier are all that differs."""
    rows = {(given[key].shape[:1], wanted[key].shape[:1]) for key in wrong}
    if len(rows) != 1 or any(given[key].shape[1:] != wanted[key].shape[1:] for key in wrong):
        return ""
    ((held,), (built,)) = rows.pop()
    name = max(wrong, key=lambda key: (wanted[key].ndim, key))
    return (
        f"; {name} has {held} rows, one for each class, not {built}: pass classes={held}, or "
        f"--classes {held}"
    )


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
