"""Training of the digit networks on windows cut from pages of handwritten digits."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import KDTree
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from onebyone.nin.data import BACKGROUND, SIDE, Digits, load_digits, warp
from onebyone.nin.networks import NetworkInNetwork, digits
from onebyone.nin.page import Page, lay_out

CENTRED = 3
"""A window is a digit's where their centres differ by at most this, in pixels, on both axes."""

OFF_CENTRE = 6
"""A window is background where its centre is at least this far from every digit's, on some axis."""

BATCH = 128


class Epoch(NamedTuple):
    """One pass over the training digits: its number from 1, the mean loss and the accuracy."""

    number: int
    loss: float
    accuracy: float


class Windows(NamedTuple):
    """Windows cut from a page, in [0, 1], and their classes."""

    images: Float[Tensor, "n 1 28 28"]
    labels: Int[Tensor, " n"]


def cut_windows(page: Page, rng: np.random.Generator) -> Windows:
    """Cut one window at each digit of a page, and background windows between and beside them.

    A digit's window is up to 3 pixels off its centre. Background windows, about six for every
    ten digits, are 6 to 14 pixels off a digit's centre or anywhere, and none has a digit's
    centre less than 6 pixels from its own. Between 3 and 6 pixels nothing is taught.
    """
    count = len(page.labels)
    near = page.centres + rng.integers(-CENTRED, CENTRED + 1, size=(count, 2))
    beside = page.centres + rng.integers(-SIDE // 2, SIDE // 2 + 1, size=(count, 2))
    anywhere = rng.integers(0, page.image.shape, size=(count // 4, 2))
    limits = np.array(page.image.shape) - SIDE
    empty = np.clip(np.concatenate([beside, anywhere]) - SIDE // 2, 0, limits)
    distance, _ = KDTree(page.centres).query(empty + SIDE // 2, p=np.inf)
    empty = empty[distance >= OFF_CENTRE][: count * 6 // 10]
    corners = np.concatenate([np.clip(near - SIDE // 2, 0, limits), empty])
    labels = np.concatenate([page.labels, np.full(len(empty), BACKGROUND)])
    views = np.lib.stride_tricks.sliding_window_view(page.image, (SIDE, SIDE))
    images = torch.from_numpy(views[corners[:, 0], corners[:, 1]]).unsqueeze(1) / 255
    return Windows(images, torch.from_numpy(labels))


def training_windows(train: Digits, seed: int) -> Windows:
    """Draw the training digits anew: warp each, write them on a page, cut windows from it."""
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    order = rng.permutation(len(train.labels))
    images = torch.from_numpy(train.images[order]).unsqueeze(1).float()
    warped = warp(images, generator).squeeze(1).round().to(torch.uint8).numpy()
    height = 2 * SIDE + 3 * len(order)  # some 23 digits a line, and a line every 44 pixels
    return cut_windows(lay_out(Digits(warped, train.labels[order]), height, 840, rng), rng)


def accuracy(model: nn.Module, held_out: Digits) -> float:
    """Measure the share of centred digits that score highest for their own of all classes."""
    model.eval()
    images = torch.from_numpy(held_out.images).unsqueeze(1) / 255
    with torch.inference_mode():
        scores = torch.cat([model(batch) for batch in torch.split(images, BATCH)])
    right = scores.argmax(dim=1) == torch.from_numpy(held_out.labels)
    return right.double().mean().item()


def train_digits(
    *,
    padded: bool = False,
    epochs: int = 40,
    seed: int = 0,
    train: Digits | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> NetworkInNetwork:
    """Train a network for digits and background; equal seeds give equal networks.

    AdamW on batches of 128 windows with a one-cycle learning rate, for the mean cross-entropy,
    in bfloat16 where that is safe. Batch normalisation helps while it trains and is then folded
    into the convolutions, so the network returned has none.

    Args:
        padded: Which of the two networks of `digits`.
        epochs: Passes over the training digits, each time drawn anew.
        seed: Decides the initial weights, the order of the digits and how each is drawn.
        train: Digits to train on; the 4,000 of `load_digits` where None.
        progress: Called after each epoch.

    Returns:
        The trained network, in evaluation mode.
    """
    train = train or load_digits()[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = digits(padded=padded)
        _normalise(model)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # stubs lack it
        _fit(model, train, epochs, seed, progress)
    _fold(model.eval())
    model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload] # stubs lack it
    return model


class _Normalised(nn.Module):
    """A convolution and its batch normalisation."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.normalisation = nn.BatchNorm2d(convolution.out_channels)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B O h w"]:
        normalised: Tensor = self.normalisation(self.convolution(x))
        return normalised

    def folded(self) -> nn.Conv2d:
        """Give the one convolution that equals the two in evaluation."""
        return fuse_conv_bn_eval(self.convolution, self.normalisation)


def _normalise(module: nn.Module) -> None:
    """Put a batch normalisation after every convolution inside a module."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            setattr(module, name, _Normalised(child))
        else:
            _normalise(child)


def _fold(module: nn.Module) -> None:
    """Undo `_normalise`, taking each normalisation's scale and shift into its convolution."""
    for name, child in list(module.named_children()):
        if isinstance(child, _Normalised):
            setattr(module, name, child.folded())
        else:
            _fold(child)


def _fit(
    model: nn.Module,
    train: Digits,
    epochs: int,
    seed: int,
    progress: Callable[[Epoch], None] | None,
) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.02)
    schedule: torch.optim.lr_scheduler.OneCycleLR | None = None
    for number in range(1, epochs + 1):
        windows = training_windows(train, seed=seed * 10_000 + number)
        batches = torch.split(torch.randperm(len(windows.labels)), BATCH)
        schedule = schedule or torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=3e-3, total_steps=epochs * (len(batches) + 1), pct_start=0.2
        )
        loss, right = 0.0, 0
        model.train()
        for batch in batches:
            images, labels = windows.images[batch], windows.labels[batch]
            with torch.autocast("cpu", torch.bfloat16):
                scores = model(images.contiguous(memory_format=torch.channels_last))
                mean = functional.cross_entropy(scores, labels)
            optimizer.zero_grad()
            mean.backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
            optimizer.step()
            schedule.step()
            loss += mean.item() * len(batch)
            right += int((scores.argmax(dim=1) == labels).sum())
        if progress is not None:
            total = len(windows.labels)
            progress(Epoch(number, loss / total, right / total))
