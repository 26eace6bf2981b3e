"""What is done to images before the network: contrast, whitening, and drawing them anew."""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from onebyone.errors import InputError
from onebyone.nin.data import warp

SCALE = 55.0
"""Norm of an image after `contrast_normalised`."""

REGULARISATION = 0.1
"""Added to the variances in `Whitening`, so that directions of noise are not blown up."""

WHITENED_AT_MOST = 20_000
"""Values in an image; the whitening matrix holds the square of it."""

SHIFT = 8
"""An image is translated by up to its side over this, in pixels."""

Augmentation = Callable[[Float[Tensor, "n C H W"]], Float[Tensor, "n C H W"]]


def contrast_normalised(images: Float[Tensor, "n C H W"]) -> Float[Tensor, "n C H W"]:
    """Bring each image to mean 0 and Euclidean norm 55; an image of one value becomes 0.

    Source: global contrast normalisation, as in Goodfellow et al., Maxout networks (2013).

    Example:
        >>> images = ob.nin.contrast_normalised(torch.rand(5, 3, 8, 8))
        >>> images.mean(dim=(1, 2, 3)).abs().max() < 1e-5, images.flatten(1).norm(dim=1).round()
        (tensor(True), tensor([55., 55., 55., 55., 55.]))
    """
    centred = images - images.mean(dim=(1, 2, 3), keepdim=True)
    norm = centred.flatten(1).norm(dim=1).clamp(min=1e-8)
    scaled: Tensor = SCALE * centred / norm.view(-1, 1, 1, 1)
    return scaled


class Whitening(nn.Module):
    """Global contrast normalisation, then ZCA whitening: one fully connected layer on the image.

    Takes images [n, C, H, W] and gives images [n, C, H, W] whose values are uncorrelated over the
    set that it was fitted to.

    Source: arXiv:1312.4400, section 4.2; Krizhevsky (2009), appendix A.

    Example:
        >>> images = torch.rand(100, 3, 4, 4)
        >>> whitening = ob.nin.Whitening.fit(images)
        >>> white = whitening(images).flatten(1)
        >>> torch.allclose(torch.cov(white.T).diag(), torch.ones(48), atol=0.1)
        True
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, mean: Float[Tensor, " D"], matrix: Float[Tensor, "D D"]) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("matrix", matrix)

    @classmethod
    def fit(cls, images: Float[Tensor, "n C H W"]) -> "Whitening":
        """Find the whitening of a set of images.

        Raises:
            InputError: The images are too large for a matrix over all their values.
        """
        values = contrast_normalised(images.double()).flatten(1)
        if values.shape[1] > WHITENED_AT_MOST:
            raise InputError(
                f"images of {values.shape[1]:,} values: whitening takes {WHITENED_AT_MOST:,} at "
                "most."
            )
        mean = values.mean(dim=0)
        variances, axes = torch.linalg.eigh(torch.cov((values - mean).T))
        matrix = (axes / (variances + REGULARISATION).sqrt()) @ axes.T
        return cls(mean.float(), matrix.float())

    def forward(self, images: Float[Tensor, "n C H W"]) -> Float[Tensor, "n C H W"]:
        """Whiten images."""
        # In full precision: the matrix amplifies what rounding does to the values.
        with torch.autocast(images.device.type, enabled=False):
            values = contrast_normalised(images.float()).flatten(1) - self.mean
            return (values @ self.matrix).view_as(images)


def shift(images: Float[Tensor, "n C H W"]) -> Float[Tensor, "n C H W"]:
    """Translate each image at random by up to an eighth of its side, zeros coming in."""
    count, _, height, width = images.shape
    down, across = height // SHIFT, width // SHIFT
    padded = functional.pad(images, (across, across, down, down))
    rows = torch.randint(2 * down + 1, (count, 1)) + torch.arange(height)
    columns = torch.randint(2 * across + 1, (count, 1)) + torch.arange(width)
    each = torch.arange(count).view(-1, 1, 1)
    moved = padded[each, :, rows[:, :, None], columns[:, None, :]]  # [n, H, W, C]
    return moved.permute(0, 3, 1, 2)


def flip(images: Float[Tensor, "n C H W"]) -> Float[Tensor, "n C H W"]:
    """Mirror each image left to right with probability one half."""
    chosen = torch.rand(len(images), 1, 1, 1) < 0.5
    return torch.where(chosen, images.flip(3), images)


AUGMENTATIONS: dict[str, Augmentation] = {
    "warp": partial(warp, generator=torch.default_generator),
    "shift": shift,
    "flip": flip,
}
"""Ways to draw images anew in each epoch, from PyTorch's global random numbers."""
