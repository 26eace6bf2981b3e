"""The training loop: a recipe carried out, resumed to the same numbers, stopped where it fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from onebyone.errors import InputError
from onebyone.nin import checkpoints
from onebyone.nin.labelled_images import Labelled
from onebyone.nin.networks import NetworkInNetwork
from onebyone.nin.normalising import fold, normalise
from onebyone.nin.preparing import Augmentation
from onebyone.nin.recipes import OneCycle, Plateau, Recipe, find_recipe

BATCH = 128


class Epoch(NamedTuple):
    """One pass over the training images: its number from 1, the mean loss and the accuracy.

    `rate` is the learning rate at its start, `held_out` the accuracy on held-out images.

    Example:
        >>> epoch = ob.nin.Epoch(number=1, loss=0.7, accuracy=0.55, rate=0.003)
        >>> f"{epoch.number}: loss {epoch.loss}, {epoch.accuracy:.0%} right"
        '1: loss 0.7, 55% right'
    """

    number: int
    loss: float
    accuracy: float
    rate: float
    held_out: float | None = None


class Progress(NamedTuple):
    """Who is told how training goes.

    `epoch` is called after each epoch, `step` after each batch with the epochs done, in parts.

    Example:
        >>> told = []
        >>> progress = ob.nin.Progress(epoch=lambda epoch: told.append(epoch.number))
        >>> data = ob.nin.Labelled(torch.rand(2, 1, 25, 25), torch.tensor([0, 1]), ("no", "yes"))
        >>> history = ob.nin.train(ob.nin.faces(), data, epochs=2, progress=progress)
        >>> told
        [1, 2]
    """

    epoch: Callable[[Epoch], None] = lambda _: None
    step: Callable[[float], None] = lambda _: None


SILENT = Progress()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw PyTorch's random numbers from a seed, and leave the caller's as they were."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def best_device() -> torch.device:
    """Give the accelerator where there is one, else the CPU."""
    return torch.accelerator.current_accelerator() or torch.device("cpu")


def accuracy(model: nn.Module, data: Labelled) -> float:
    """Measure the share of images that score highest for their own class of all.

    Example:
        >>> images = torch.tensor([[0.9, 0.1], [0.2, 0.8]]).view(2, 2, 1, 1)
        >>> data = ob.nin.Labelled(images, torch.tensor([0, 0]), ("cat", "dog"))
        >>> brighter = nn.Conv2d(2, 2, 1)  # scores each class by its channel
        >>> _ = nn.init.dirac_(brighter.weight), nn.init.zeros_(brighter.bias)
        >>> ob.nin.accuracy(nn.Sequential(brighter, nn.Flatten()), data)
        0.5
    """
    model.eval()
    device = next(model.parameters()).device
    with torch.inference_mode():
        scores = torch.cat([model(batch.to(device)) for batch in torch.split(data.images, BATCH)])
    return (scores.argmax(dim=1).cpu() == data.labels).double().mean().item()


@dataclass
class Training:
    """A training under way."""

    model: NetworkInNetwork
    forward: Callable[[Tensor], Tensor]
    recipe: Recipe
    optimizer: Optimizer
    schedule: OneCycle | Plateau
    device: torch.device
    history: list[Epoch]

    def state(self) -> dict[str, Any]:
        """Give all that a checkpoint must keep."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "history": [tuple(epoch) for epoch in self.history],
            "random": checkpoints.random_state(self.device),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to what `state` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.history[:] = [Epoch(*values) for values in state["history"]]
        checkpoints.set_random_state(state["random"], self.device)

    def epoch(
        self,
        data: Labelled,
        augment: Augmentation,
        held_out: Labelled | None,
        step: Callable[[float], None],
    ) -> Epoch:
        """Go over the images once, in a new order."""
        done, total = len(self.history), len(data.labels)
        batches = torch.split(torch.randperm(total), BATCH)
        rate = self.optimizer.param_groups[0]["lr"]
        loss, right = 0.0, 0
        self.model.train()
        for number, batch in enumerate(batches, start=1):
            mean, scores = self.step(augment(data.images[batch]), data.labels[batch])
            if not mean.isfinite():
                raise InputError(
                    f"the loss is {mean.item()} at step {number} of {len(batches)} in epoch "
                    f"{done + 1}: training has stopped; the recipe 'fast' is the more robust one."
                )
            loss += mean.item() * len(batch)
            right += int((scores.argmax(dim=1).cpu() == data.labels[batch]).sum())
            step(done + number / len(batches))
        measured = None if held_out is None else accuracy(self.model, held_out)
        return Epoch(done + 1, loss / total, right / total, rate, measured)

    def step(
        self, images: Float[Tensor, "n C H W"], labels: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "n K"]]:
        """Take one step of the optimizer; give the loss before it, and the scores."""
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.modern):
            scores = self.forward(images)
            mean = functional.cross_entropy(
                scores, labels.to(self.device), label_smoothing=self.recipe.smoothing
            )
        self.optimizer.zero_grad()
        mean.backward()  # type: ignore[no-untyped-call] # torch leaves it unannotated
        self.optimizer.step()
        self.schedule.step()
        return mean.detach(), scores.detach()


def fit(
    model: NetworkInNetwork,
    draw: Callable[[int], Labelled],
    *,
    recipe: str,
    epochs: int | None,
    settings: dict[str, Any],
    device: torch.device,
    augment: Augmentation = lambda images: images,
    held_out: Labelled | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    progress: Progress = SILENT,
) -> list[Epoch]:
    """Carry out a recipe on a network in place; the random numbers are PyTorch's global ones.

    `draw` gives the images of the epoch with this number, from 1, `settings` is what else tells
    this training from others, for its checkpoints; the rest is as `train` has it.
    """
    chosen = find_recipe(recipe)
    epochs = epochs or chosen.epochs
    described = {"architecture": str(model.architecture), "recipe": recipe, "epochs": epochs}
    settings = described | settings
    if checkpoint is not None and not resume:
        checkpoints.check_new(checkpoint)
    saved = checkpoints.load(checkpoint, settings) if checkpoint and resume else None
    run = _prepare(model, chosen, epochs, len(draw(1).labels), device)
    try:
        if saved is not None:
            run.restore(saved)
        going = True
        while going and len(run.history) < epochs:
            data = draw(len(run.history) + 1)
            run.history.append(run.epoch(data, augment, held_out, progress.step))
            going = run.schedule.after_epoch([epoch.accuracy for epoch in run.history])
            if checkpoint is not None:
                checkpoints.save(checkpoint, settings, run.state())
            progress.epoch(run.history[-1])
    finally:
        _finish(model)  # also where training was interrupted
    return run.history


def _prepare(
    model: NetworkInNetwork, recipe: Recipe, epochs: int, images: int, device: torch.device
) -> Training:
    if recipe.modern:
        normalise(model)
    model.to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # stubs lack it
    optimizer = recipe.build_optimizer(list(model.parameters()))
    # One step per epoch to spare: where images are drawn anew their number varies.
    steps = epochs * (-(-images // BATCH) + 1)
    schedule = recipe.schedule(optimizer, recipe.rate, steps)
    compiled = recipe.modern and device.type != "cpu"
    forward = torch.compile(model) if compiled else model
    return Training(model, forward, recipe, optimizer, schedule, device, [])


def _finish(model: NetworkInNetwork) -> None:
    fold(model.eval())
    model.cpu()
    model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload] # stubs lack it
