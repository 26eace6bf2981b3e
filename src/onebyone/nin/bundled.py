"""The trained networks that come with onebyone."""

from importlib.resources import files

from safetensors.torch import load as load_tensors

from onebyone.errors import InputError
from onebyone.nin.networks import NetworkInNetwork, digits

BUNDLED = ("nin-digits", "nin-digits-padded")
"""Names that `load` and `train` know."""


def is_padded(name: str) -> bool:
    """Say which of the two networks of `digits` a bundled name stands for.

    Raises:
        InputError: No network has this name.
    """
    if name not in BUNDLED:
        raise InputError(f"name = {name!r}: the bundled networks are {' and '.join(BUNDLED)}.")
    return name == "nin-digits-padded"


def load(name: str) -> NetworkInNetwork:
    """Load a bundled network with its trained weights, in evaluation mode.

    Args:
        name: One of `BUNDLED`.

    Returns:
        A network from [B, 1, 28, 28], ink 1 on ground 0, to scores [B, 11].

    Raises:
        InputError: No network has this name.
    """
    model = digits(padded=is_padded(name))
    archive = files("onebyone.nin") / "weights" / f"{name}.safetensors"
    model.load_state_dict(load_tensors(archive.read_bytes()))
    return model.eval()
