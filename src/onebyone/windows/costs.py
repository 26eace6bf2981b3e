"""What numbers cost beside arithmetic, measured once for a machine."""

import json
import os
import platform
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from platformdirs import user_cache_path
from torch import Tensor
from torch.nn import functional

from onebyone.errors import InputError
from onebyone.turns import seconds
from onebyone.writing import replacing

ROUNDS = 15


class Costs(NamedTuple):
    """What one number costs, in operations of a convolution that take as long.

    Attributes:
        written: to be the result of an operator.
        joined: to be cut out of a map for each window and joined to others, along one axis.

    Example:
        >>> ob.Costs()  # typical ones, which `slide` plans with until `calibrate` has measured
        Costs(written=12, joined=20)
        >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 2)).eval()
        >>> dear = ob.slide(model, window=(1, 8, 8), costs=ob.Costs(written=30, joined=60))
    """

    written: int = 12
    joined: int = 20


VARIABLE = "ONEBYONE_CACHE"
"""The environment variable that names the folder; empty or 0 for none."""


def costs_file() -> Path | None:
    """Where costs are kept; None where that is turned off, or the user has no home."""
    named = os.environ.get(VARIABLE)
    try:
        if named is None:
            found = user_cache_path("onebyone", appauthor=False, opinion=False)
        else:
            found = Path(named).expanduser()
    except RuntimeError:  # there is no home
        return None
    return None if named in ("", "0") else found / "costs.json"


def calibrate() -> Costs:
    """Measure this machine, in about a second, and keep the result for `slide` to plan with.

    It is kept beside captured networks, for the number of threads that PyTorch uses now.

    Raises:
        InputError: there is no folder to keep it in.

    Example:
        >>> costs = ob.calibrate()  # once for a machine: `slide` plans with what it has found
        >>> costs.written >= 0 and costs.joined >= 0
        True
    """
    path = costs_file()
    if path is None:
        raise InputError("ONEBYONE_CACHE is empty or 0: there is no folder to keep costs in")
    found, kept = _measured(), _kept(path)
    kept[_machine()] = found._asdict()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return found


def known_costs() -> Costs:
    """What `calibrate` found on this machine; typical costs where it has not run."""
    path = costs_file()
    found = None if path is None else _kept(path).get(_machine())
    return Costs(**found) if found else Costs()


def _kept(path: Path) -> dict[str, dict[str, int]]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {name: _checked(Costs(**costs))._asdict() for name, costs in kept.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        _warn_once(
            f"{path} does not hold costs ({error}): typical ones are used; onebyone calibrate "
            "writes it anew"
        )
        return {}


def _checked(costs: Costs) -> Costs:
    if not all(type(number) is int and number >= 0 for number in costs):
        raise ValueError(f"{costs} are no numbers of operations")
    return costs


@cache
def _warn_once(text: str) -> None:
    warnings.warn(text, stacklevel=2)


def _machine() -> str:
    """What the costs depend on."""
    return (
        f"{platform.node()}, {platform.machine()}, {os.cpu_count()} processors, "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )


def _measured() -> Costs:
    channels, side, windows = 64, 59, 15
    image = torch.rand(1, channels, side, side).contiguous(memory_format=torch.channels_last)
    weight = torch.rand(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)
    rows = image.permute(0, 2, 3, 1)
    padding = torch.zeros(1, 1, windows, side, channels)

    def join() -> Tensor:
        strips = rows.unfold(1, 3, 4).permute(0, 4, 1, 2, 3)
        return torch.cat([padding, strips], 1)

    with torch.no_grad():
        one = _seconds(lambda: functional.conv2d(image, weight)) / (18 * channels**2 * 57**2)
        written = _seconds(lambda: functional.relu(image)) / image.numel()
        joined = _seconds(join) / (4 * windows * side * channels)
    return Costs(round(written / one), round(joined / one))


def _seconds(run: Callable[[], Tensor]) -> float:
    run()
    return median(seconds(run) for _ in range(ROUNDS))
