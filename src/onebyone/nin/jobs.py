"""What `onebyone train` can be asked for: a network, its data and how they are drawn anew."""

from pathlib import Path
from typing import NamedTuple

from onebyone.errors import InputError
from onebyone.nin.architectures import ARCHITECTURES
from onebyone.nin.datasets import face_patches, mnist_digits, read_dataset
from onebyone.nin.fitting import seeded
from onebyone.nin.labelled_images import Split, hold_out
from onebyone.nin.networks import NetworkInNetwork
from onebyone.nin.preparing import Whitening
from onebyone.wording import by

AUGMENT = {
    "cifar10": ("shift", "flip"),
    "cifar100": ("shift", "flip"),
    "imagenet": ("shift", "flip"),
    "faces": ("shift", "flip"),
    "mnist": ("warp",),
    "digits": ("warp",),
}
"""Augmentation by network; digits must not be mirrored, and house numbers are not shifted."""

WHITENED = ("cifar10", "cifar100")
"""Networks whose images the paper whitened."""

PACKAGED = {"nin-mnist": mnist_digits, "nin-faces": face_patches}
"""Sets of images that installed packages carry."""


class Job(NamedTuple):
    """A network with fresh weights, images for it, and their augmentation.

    Example:
        >>> job = ob.nin.prepare("nin-faces")
        >>> job.model.class_names, job.augment
        (('background', 'face'), ('shift', 'flip'))
    """

    model: NetworkInNetwork
    data: Split
    augment: tuple[str, ...]


def prepare(
    source: str, network: str | None = None, recipe: str = "fast", head: str = "gap", seed: int = 0
) -> Job:
    """Read images and build a network for their size and classes.

    Args:
        source: A name of `PACKAGED`, or what `read_dataset` takes. A fifth of each class is held
            out, the same whatever the seed, unless there are test images.
        network: A name of `ARCHITECTURES`; by default the first that is made for this size.
        recipe: "paper" whitens the images where the paper did.
        head: "gap" or "fully_connected".
        seed: Decides the initial weights.

    Raises:
        InputError: The source cannot be read, or there is no such network.

    Example:
        >>> model, data, augment = ob.nin.prepare("nin-faces", head="fully_connected")
        >>> len(data.train.labels), len(data.held_out.labels), model.class_names
        (160, 40, ('background', 'face'))
    """
    data = hold_out(PACKAGED[source]()) if source in PACKAGED else _read(source)
    size, classes = data.train.size, len(data.train.classes)
    fitting = (name for name, known in ARCHITECTURES.items() if known.input == size)
    name = network or next(fitting, None)
    if name not in ARCHITECTURES:
        wrong = f"network = {network!r}" if network else f"images of {by(size)}: no network's size"
        raise InputError(f"{wrong}: give --network, one of {', '.join(ARCHITECTURES)}.")
    architecture = ARCHITECTURES[name].adapted(size, classes)._replace(head=head)
    with seeded(seed):
        model = NetworkInNetwork(architecture)
    model.class_names = data.train.classes
    if recipe == "paper" and name in WHITENED:
        model.prepare = Whitening.fit(data.train.images)
    return Job(model, data, AUGMENT.get(name, ()))


def _read(source: str) -> Split:
    if not Path(source).exists():
        known = ", ".join(("nin-digits", "nin-digits-padded", *PACKAGED))
        raise InputError(f"{source}: no such folder or file; give one, or {known}.")
    return read_dataset(source)
