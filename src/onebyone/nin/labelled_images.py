"""Labelled images in memory: checked, brought into one form, and divided."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from onebyone.errors import InputError

HELD_OUT = 0.2
"""Share of each class that is held out where a set has no test images of its own."""


class Labelled(NamedTuple):
    """Images with values of about 0 to 1, the number of each one's class, and the classes' names.

    Labels may be any numbers here; `train` refuses those that its network has no score for.

    Example:
        >>> data = ob.nin.Labelled(torch.rand(6, 1, 8, 8), torch.tensor([0, 1] * 3), ("cat", "dog"))
        >>> data.size, data.subset(np.array([0, 2])).labels
        ((1, 8, 8), tensor([0, 0]))
    """

    images: Float[Tensor, "n C H W"]
    labels: Int[Tensor, " n"]
    classes: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of each image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def subset(self, rows: Int[np.ndarray, " k"]) -> "Labelled":
        """Give the images with these numbers."""
        chosen = torch.from_numpy(rows)
        return Labelled(self.images[chosen], self.labels[chosen], self.classes)


class Split(NamedTuple):
    """Images to train on, and others to measure on.

    Example:
        >>> data = ob.nin.Labelled(torch.rand(8, 1, 9, 9), torch.tensor([0, 1] * 4), ("cat", "dog"))
        >>> split = ob.nin.hold_out(data, share=0.25)
        >>> split.train.images.shape, split.held_out.images.shape
        (torch.Size([6, 1, 9, 9]), torch.Size([2, 1, 9, 9]))
    """

    train: Labelled
    held_out: Labelled


def labelled(
    images: Num[np.ndarray, "*shape"],
    labels: Num[np.ndarray, "*count"],
    classes: Sequence[str] | None = None,
    source: str = "arrays",
) -> Labelled:
    """Check arrays and bring them into one form.

    Args:
        images: [n, C, H, W] or [n, H, W]; unsigned integers are scaled to 0 to 1 by their range,
            floats stay as they are.
        labels: [n] whole numbers from 0.
        classes: Names of the classes; by default the numbers up to the largest label.
        source: Where the arrays come from, for errors.

    Raises:
        InputError: The arrays are not of such shapes or types, do not fit each other, or hold a
            value that is no number, or a label without a class.

    Example:
        >>> pixels = np.full((4, 28, 28), 255, dtype=np.uint8)
        >>> data = ob.nin.labelled(pixels, np.array([0, 1, 1, 0]), classes=("cat", "dog"))
        >>> data.images.shape, data.images.max()
        (torch.Size([4, 1, 28, 28]), tensor(1.))
    """
    if images.ndim not in (3, 4) or images.size == 0:
        shape = tuple(images.shape)
        raise InputError(f"{source}: images have shape {shape}: give [n, C, H, W] or [n, H, W].")
    if labels.shape != images.shape[:1]:
        raise InputError(
            f"{source}: {len(images)} images but labels of shape {labels.shape}: give one each."
        )
    if labels.dtype.kind not in "iu":
        raise InputError(f"{source}: labels are {labels.dtype}: give whole numbers from 0.")
    names = tuple(classes or map(str, range(int(labels.max()) + 1)))
    wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(wrong):
        raise InputError(
            f"{source}: label {labels[wrong[0]]} of image {wrong[0]} is out of range: there are "
            f"{len(names)} classes, 0 to {len(names) - 1}."
        )
    pixels = _scaled(images if images.ndim == 4 else images[:, None], source)
    return Labelled(pixels, torch.from_numpy(labels.astype(np.int64)), names)


def _scaled(images: Num[np.ndarray, "n C H W"], source: str) -> Float[Tensor, "n C H W"]:
    if images.dtype.kind == "u":
        return torch.from_numpy(images / np.float32(np.iinfo(images.dtype).max))
    if images.dtype.kind != "f":
        raise InputError(f"{source}: images are {images.dtype}: give uint8, uint16 or floats.")
    wrong = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
    if len(wrong):
        raise InputError(f"{source}: image {wrong[0]} holds NaN or infinity.")
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))


def hold_out(data: Labelled, share: float = HELD_OUT, seed: int = 0) -> Split:
    """Divide a set: `share` of each class, rounded, is held out, as the seed decides.

    Example:
        >>> data = ob.nin.Labelled(torch.rand(8, 1, 9, 9), torch.tensor([0, 1] * 4), ("cat", "dog"))
        >>> train, held_out = ob.nin.hold_out(data, share=0.25)
        >>> train.labels.bincount(), held_out.labels.bincount()
        (tensor([3, 3]), tensor([1, 1]))
    """
    order = np.random.default_rng(seed).permutation(len(data.labels))
    labels = data.labels.numpy()[order]
    held = np.zeros(len(order), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        held[places[: round(share * len(places))]] = True
    return Split(data.subset(np.sort(order[~held])), data.subset(np.sort(order[held])))
