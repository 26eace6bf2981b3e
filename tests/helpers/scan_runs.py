"""Small scans of many tiles, for tests of what happens to them."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import onebyone as ob
from onebyone.scans import fitting, layout

WINDOW, STRIDE = (1, 6, 6), 2


def small_tiles(side: int = 44, coarsest: int = 32) -> None:
    """Have tiles of a few windows, and coarser levels of small maps: those of 8 x 8 pixels a side.

    Tests undo it by the fixture `tiles`; child processes have no need to.
    """
    fitting._PIXELS, fitting._HALOS = side * side, 1
    layout._COARSEST = coarsest


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 4 * 4, 3)
    return nn.Sequential(*layers).eval()


def sliding_model(seed: int = 0, **options: Any) -> Any:
    options = {"scale": 1 / 255, **options}
    stride = options.pop("stride", STRIDE)
    return ob.slide(network(seed), WINDOW, stride, **options)


def picture(height: int = 150, width: int = 190, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, height, width), dtype=np.uint8)


def digests(folder: Path) -> dict[str, str]:
    """A digest of every file in a folder, by its path in it."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
