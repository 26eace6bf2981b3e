"""Trained networks in files that say what network they hold, and those that onebyone brings."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from onebyone.errors import InputError, first_line
from onebyone.nin.architectures import Architecture, Block, Pool
from onebyone.nin.networks import NetworkInNetwork, digits
from onebyone.nin.preparing import Whitening
from onebyone.writing import replacing

BUNDLED = ("nin-digits", "nin-digits-padded")
"""Names of trained networks that come with onebyone."""

KEY = "network_in_network"
"""Where a file's metadata hold the architecture and the names of the classes."""


def is_padded(name: str) -> bool:
    """Say which of the two networks of `digits` a bundled name stands for.

    Raises:
        InputError: No network has this name.

    Example:
        >>> ob.nin.is_padded("nin-digits"), ob.nin.is_padded("nin-digits-padded")
        (False, True)
    """
    if name not in BUNDLED:
        raise InputError(f"name = {name!r}: the bundled networks are {' and '.join(BUNDLED)}.")
    return name == "nin-digits-padded"


def load(name: str | Path) -> NetworkInNetwork:
    """Load a trained network, in evaluation mode.

    Args:
        name: One of `BUNDLED`, or a file that `save` wrote.

    Returns:
        The network. The bundled ones take [B, 1, 28, 28], ink 1 on ground 0, and give [B, 11].

    Raises:
        InputError: There is no such network or file, or the file is not one of `save`.

    Example:
        >>> network = ob.nin.load("nin-digits")
        >>> scores = network(torch.zeros(1, 1, 28, 28))  # an empty window
        >>> network.class_names[scores.argmax()]
        'background'
    """
    if Path(name).suffix.lower() == ".safetensors":
        return _load_file(Path(name))
    model = digits(padded=is_padded(str(name)))
    archive = files("onebyone.nin") / "weights" / f"{name}.safetensors"
    model.load_state_dict(load_tensors(archive.read_bytes()))
    return model.eval()


def save(model: NetworkInNetwork, path: str | Path) -> None:
    """Write a network's weights as safetensors, with what `load` must know to build it.

    Example:
        >>> model = ob.nin.faces().eval()
        >>> ob.nin.save(model, "faces.safetensors")
        >>> images = torch.rand(1, 1, 25, 25)
        >>> torch.equal(ob.nin.load("faces.safetensors")(images), model(images))
        True
    """
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    described = {"architecture": model.architecture, "classes": model.class_names}
    with replacing(path) as temporary:
        temporary.write_bytes(save_tensors(tensors, {KEY: json.dumps(described)}))


def is_saved(path: str | Path) -> bool:
    """Say whether a file is one of `save`.

    Example:
        >>> ob.nin.save(ob.nin.faces(), "faces.safetensors")
        >>> ob.nin.is_saved("faces.safetensors"), ob.nin.is_saved("no such file")
        (True, False)
    """
    try:
        with safe_open(path, framework="pt") as file:
            return KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def load_saved(path: str) -> NetworkInNetwork | None:
    """Load a network from a file of `save`; None where it is another file."""
    return load(path) if is_saved(path) else None


def _load_file(path: Path) -> NetworkInNetwork:
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    try:
        with safe_open(path, framework="pt") as file:
            described = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # no dict
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not readable, or truncated ({error}).") from error
    if described is None:
        raise InputError(f"{path}: holds no Network in Network: it names no architecture.")
    try:
        head = json.loads(described)
        model = _build(head["architecture"], tensors)
        model.class_names = tuple(head["classes"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = first_line(error)
        raise InputError(f"{path}: its weights do not fit its description ({reason}).") from error
    return model


def _build(described: list[Any], tensors: dict[str, Tensor]) -> NetworkInNetwork:
    size, blocks, pool, drops, *rest = described
    architecture = Architecture(
        tuple(size),
        tuple(Block(kernel, pad, tuple(widths), step) for kernel, pad, widths, step in blocks),
        Pool(*pool),
        tuple(drops),
        *rest,
    )
    model = NetworkInNetwork(architecture)
    if "prepare.matrix" in tensors:
        model.prepare = Whitening(tensors["prepare.mean"], tensors["prepare.matrix"])
    model.load_state_dict(tensors)
    return model.eval()
