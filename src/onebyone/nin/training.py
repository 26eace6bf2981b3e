"""Training on labelled images, with the checks of what is given."""

from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from onebyone.errors import InputError
from onebyone.nin.fitting import SILENT, Epoch, Progress, best_device, fit, seeded
from onebyone.nin.labelled_images import Labelled
from onebyone.nin.networks import NetworkInNetwork
from onebyone.nin.preparing import AUGMENTATIONS, Augmentation
from onebyone.wording import by


def train(
    model: NetworkInNetwork,
    data: Labelled,
    *,
    held_out: Labelled | None = None,
    recipe: str = "fast",
    epochs: int | None = None,
    seed: int = 0,
    augment: Sequence[str] = (),
    device: torch.device | str | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: Progress = SILENT,
) -> list[Epoch]:
    """Train a network in place, for the mean cross-entropy in batches of 128.

    On one machine, with one number of threads, equal seeds give equal networks, resumed or not.

    Args:
        model: The network; afterwards it is in evaluation mode, on the CPU.
        data: Images to train on.
        held_out: Images to measure on after each epoch.
        recipe: "paper": SGD with momentum 0.9, weight decay 1e-4, learning rate 0.1 divided by
            10 twice when training accuracy stalls. "fast": AdamW, one-cycle, label smoothing,
            batch normalisation that is folded away at the end, bfloat16, and compiled on an
            accelerator.
        epochs: Passes over the images, at most; by default the recipe's.
        seed: Decides the order of the images, their augmentation and the dropout.
        augment: Names of `AUGMENTATIONS`, done in this order to every batch.
        device: Where to compute; by default an accelerator where there is one.
        checkpoint: A file that is written after each epoch; only with `resume` may it be there.
        resume: Continue from the checkpoint.
        progress: Who is told how it goes.

    Returns:
        The epochs.

    Raises:
        InputError: The images do not fit the network, an option has no such value, the
            checkpoint is of another training, damaged or there already, or the loss is no longer
            a number.

    Example:
        >>> data = ob.nin.Labelled(torch.rand(2, 1, 25, 25), torch.tensor([0, 1]), ("no", "yes"))
        >>> history = ob.nin.train(ob.nin.faces(), data, epochs=2, augment=("flip",))
        >>> [epoch.number for epoch in history]
        [1, 2]
    """
    for part in (data, held_out):
        if part is not None:
            check_fits(model, part)
    if resume and checkpoint is None:
        raise InputError("resume = True: name the checkpoint to resume from.")
    settings = {"seed": seed, "augment": list(augment), "images": len(data.labels)}
    with seeded(seed):
        return fit(
            model,
            lambda _: data,
            recipe=recipe,
            epochs=epochs,
            settings=settings,
            device=torch.device(device) if device else best_device(),
            augment=_chain(augment),
            held_out=held_out,
            checkpoint=Path(checkpoint) if checkpoint else None,
            resume=resume,
            progress=progress,
        )


def check_fits(model: NetworkInNetwork, data: Labelled) -> None:
    """Make sure that images have the network's size and labels its classes.

    Raises:
        InputError: They have not.

    Example:
        >>> data = ob.nin.Labelled(torch.rand(1, 3, 32, 32), torch.tensor([0]), ("cat",))
        >>> try:
        ...     ob.nin.check_fits(ob.nin.faces(), data)
        ... except ob.InputError as error:
        ...     print(str(error).partition(";")[0])
        images of 3×32×32: the network takes 1×25×25
    """
    architecture = model.architecture
    if data.size != architecture.input:
        raise InputError(
            f"images of {by(data.size)}: the network takes {by(architecture.input)}; give such "
            "images, or a network that is adapted to them."
        )
    wrong = (data.labels < 0) | (data.labels >= architecture.classes)
    if wrong.any():
        place = int(wrong.int().argmax())
        raise InputError(
            f"label {int(data.labels[place])} of image {place} is out of range: the network tells "
            f"{architecture.classes} classes, 0 to {architecture.classes - 1}."
        )


def _chain(names: Sequence[str]) -> Augmentation:
    for name in names:
        if name not in AUGMENTATIONS:
            raise InputError(f"augment = {name!r}: give some of {', '.join(AUGMENTATIONS)}.")
    steps = [AUGMENTATIONS[name] for name in names]

    def augment(images: Float[Tensor, "n C H W"]) -> Float[Tensor, "n C H W"]:
        return reduce(lambda drawn, step: step(drawn), steps, images)

    return augment
