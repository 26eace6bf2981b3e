"""What makes a scan the one that it is: where any of it is other, its tiles would not fit."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import nn

from onebyone.errors import InputError
from onebyone.scans.about import short
from onebyone.windows.sliding import SlidingModel


def of_model(sliding: SlidingModel) -> dict[str, Any]:
    """The settings of a sliding model: its network, windows, and what is done to pixels."""
    preparing = sliding.preparing
    numbers = {"mean": preparing.mean, "std": preparing.std}
    return {
        "weights": _digest_of_weights(sliding.model, sliding.constants),
        "network": sha256(str(sliding._lowered.captured.graph).encode()).hexdigest(),
        "window": list(sliding.window),
        "stride": list(sliding.stride),
        "padding": sliding.geometry.padding,
        "backend": sliding.backend,
        "scale": preparing.scale,
        **{name: None if n is None else n.flatten().tolist() for name, n in numbers.items()},
    }


def machine(sliding: SlidingModel) -> dict[str, Any]:
    """What the last bits of results may depend on beside the settings."""
    return {
        "torch": torch.__version__,
        "processor": torch.backends.cpu.get_cpu_capability(),
        "costs": list(sliding._lowered.target.costs),
    }


def refuse_changed(path: Path, begun: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse settings that are not those that a map was begun with.

    Raises:
        InputError: names the first that differs.
    """
    for name in dict.fromkeys([*begun, *asked]):
        was, now = begun.get(name), asked.get(name)
        if was != now:
            raise InputError(
                f"{path}: was begun with another {short(name.replace('_', ' '))}: {short(was)}, "
                f"now {short(now)}; go on with the same, or begin again with --overwrite"
            )


def _digest_of_weights(model: nn.Module, constants: nn.Module) -> str:
    """A digest of all tensors that a network computes with, also those that it does not save.

    Args:
        model: the network.
        constants: holds tensors that its graph has from elsewhere, as attributes of modules.
    """
    tensors = dict(_tensors(model)) | {f"constants.{name}": t for name, t in _tensors(constants)}
    found = sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        content = tensor.detach().cpu().contiguous().reshape(-1)
        found.update(content.view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)
