"""A layer's weights from a file and to one: a `.safetensors` state dict, or a `.npy` array."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from onebyone.errors import InputError, first_line
from onebyone.writing import replacing


def read_tensors(path: Path, argument: str) -> Mapping[str, Tensor]:
    """Return the entries "weight" and, if there is one, "bias" of a file.

    Args:
        path: a `.safetensors` file with these entries, or a `.npy` file with the weight alone.
        argument: what named the file, for errors.

    Raises:
        InputError: the file cannot be read, or holds anything else.
    """
    if not path.is_file():
        raise InputError(f"{argument} {path}: no such file; give a .safetensors or .npy file")
    try:
        if path.suffix.lower() == ".npy":
            tensors = {"weight": torch.from_numpy(np.load(path, allow_pickle=False))}
        else:
            tensors = load_file(path)
    except (OSError, EOFError, SafetensorError, ValueError, TypeError) as error:
        cause = first_line(error)
        raise InputError(
            f"{argument} {path}: cannot be read ({cause}); give a .safetensors or .npy file"
        ) from error
    if "weight" not in tensors or set(tensors) - {"weight", "bias"}:
        raise InputError(
            f"{argument} {path} holds {', '.join(sorted(tensors)) or 'nothing'}: give a file with "
            "'weight' and, if the layer has one, 'bias'"
        )
    return {
        name: tensor if tensor.is_floating_point() else tensor.float()
        for name, tensor in tensors.items()
    }


def write_tensors(layer: nn.Module, path: Path) -> None:
    """Write a layer's weights to a `.safetensors` file, whole or not at all."""
    with replacing(path) as beside:
        beside.write_bytes(save({name: t.contiguous() for name, t in layer.state_dict().items()}))


def shapes(layer: nn.Module) -> dict[str, Any]:
    """Return a layer for JSON: as PyTorch writes it, and the shapes of its parameters."""
    sizes = {name: list(tensor.shape) for name, tensor in layer.state_dict().items()}
    return {"layer": str(layer), "shapes": sizes}
