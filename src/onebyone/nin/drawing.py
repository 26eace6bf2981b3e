"""Training of the digit networks on windows cut from pages of handwritten digits."""

from pathlib import Path

import numpy as np
import torch
from scipy.spatial import KDTree

from onebyone.nin.data import BACKGROUND, CLASSES, SIDE, Digits, load_digits, warp
from onebyone.nin.fitting import SILENT, Epoch, Progress, fit, seeded
from onebyone.nin.labelled_images import Labelled
from onebyone.nin.networks import NetworkInNetwork, digits
from onebyone.nin.page import Page, lay_out

CENTRED = 3
"""A window is a digit's where their centres differ by at most this, in pixels, on both axes."""

OFF_CENTRE = 6
"""A window is background where its centre is at least this far from every digit's, on some axis."""


def cut_windows(page: Page, rng: np.random.Generator) -> Labelled:
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
    return Labelled(images, torch.from_numpy(labels), CLASSES)


def training_windows(train: Digits, seed: int) -> Labelled:
    """Draw the training digits anew: warp each, write them on a page, cut windows from it."""
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    order = rng.permutation(len(train.labels))
    images = torch.from_numpy(train.images[order]).unsqueeze(1).float()
    warped = warp(images, generator).squeeze(1).round().to(torch.uint8).numpy()
    height = 2 * SIDE + 3 * len(order)  # some 23 digits a line, and a line every 44 pixels
    return cut_windows(lay_out(Digits(warped, train.labels[order]), height, 840, rng), rng)


def train_digits(
    *,
    padded: bool = False,
    epochs: int | None = None,
    seed: int = 0,
    train: Digits | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Progress = SILENT,
) -> tuple[NetworkInNetwork, list[Epoch]]:
    """Train a network for digits and background; equal seeds give equal networks.

    The recipe "pages": AdamW on batches of 128 windows with a one-cycle learning rate, for the
    mean cross-entropy, in bfloat16 where that is safe. Batch normalisation helps while it trains
    and is then folded into the convolutions, so the network returned has none.

    Args:
        padded: Which of the two networks of `digits`.
        epochs: Passes over the training digits, each time drawn anew; 40 where None.
        seed: Decides the initial weights, the order of the digits and how each is drawn.
        train: Digits to train on; the 4,000 of `load_digits` where None.
        checkpoint: A file that is written after each epoch; only with `resume` may it be there.
        resume: Continue from the checkpoint.
        progress: Who is told how it goes.

    Returns:
        The trained network, in evaluation mode, and the epochs.

    Example:
        >>> train, _ = ob.nin.load_digits()
        >>> few = ob.nin.Digits(train.images[::200], train.labels[::200])
        >>> network, history = ob.nin.train_digits(train=few, epochs=1)
        >>> len(history), network(torch.rand(1, 1, 28, 28)).shape
        (1, torch.Size([1, 11]))
    """
    chosen = train or load_digits()[0]
    with seeded(seed):
        model = digits(padded=padded)
        history = fit(
            model,
            lambda number: training_windows(chosen, seed=seed * 10_000 + number),
            recipe="pages",
            epochs=epochs,
            settings={"seed": seed, "images": len(chosen.labels)},
            device=torch.device("cpu"),  # where equal seeds give the bundled weights
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
        )
    return model, history
