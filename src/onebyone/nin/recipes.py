"""How networks are trained: recipes as data, and the learning rate over time."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

from onebyone.errors import InputError

PATIENCE = 10
"""Epochs without a higher training accuracy after which `Plateau` divides the learning rate."""


class OneCycle(OneCycleLR):
    """The rate rises for a fifth of the training and falls to nothing, momentum against it.

    Source: Smith and Topin, Super-convergence, arXiv:1708.07120.
    """

    def __init__(self, optimizer: Optimizer, rate: float, steps: int) -> None:
        super().__init__(optimizer, max_lr=rate, total_steps=steps, pct_start=0.2)

    def after_epoch(self, _accuracies: Sequence[float]) -> bool:
        """Go on, whatever the training accuracies are."""
        return True


class Plateau:
    """The rate is divided by 10 when training accuracy stalls, twice; the third time ends it.

    Source: arXiv:1312.4400, section 4.1.
    """

    def __init__(self, optimizer: Optimizer, rate: float, _steps: int) -> None:
        self._optimizer, self._rate = optimizer, rate

    def step(self) -> None:
        """Leave the rate as it is: no batch decides."""

    def after_epoch(self, accuracies: Sequence[float]) -> bool:
        """Set the rate that follows from the training accuracies so far; say whether to go on."""
        count = stalls(accuracies)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate * 0.1 ** min(count, 2)
        return count < 3

    def state_dict(self) -> dict[str, Any]:
        """Nothing must be kept to resume."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to what `state_dict` gave."""


def stalls(accuracies: Sequence[float], patience: int = PATIENCE) -> int:
    """Count how often the accuracy has gone `patience` epochs without a new best."""
    count = waited = 0
    best = float("-inf")
    for accuracy in accuracies:
        waited = 0 if accuracy > best else waited + 1
        best = max(best, accuracy)
        if waited == patience:
            count, waited = count + 1, 0
    return count


class Recipe(NamedTuple):
    """How a network is trained, in batches of 128, for the mean cross-entropy.

    Attributes:
        epochs: Passes over the training images, at most.
        optimizer: "sgd", with momentum 0.9, or "adamw".
        rate: The highest learning rate.
        decay: Weight decay.
        schedule: How the rate changes.
        smoothing: Label smoothing.
        modern: Train with batch normalisation, folded into the convolutions at the end, in
            bfloat16 where autocast says so, and compiled on an accelerator.

    Example:
        >>> recipe = ob.nin.RECIPES["paper"]
        >>> recipe.optimizer, recipe.rate, recipe.schedule.__name__
        ('sgd', 0.1, 'Plateau')
    """

    epochs: int
    optimizer: str
    rate: float
    decay: float
    schedule: type[OneCycle] | type[Plateau]
    smoothing: float
    modern: bool

    def build_optimizer(self, parameters: Sequence[torch.nn.Parameter]) -> Optimizer:
        """Make the optimizer for these parameters."""
        if self.optimizer == "adamw":
            return torch.optim.AdamW(parameters, weight_decay=self.decay)
        return torch.optim.SGD(parameters, lr=self.rate, momentum=0.9, weight_decay=self.decay)


RECIPES = {
    "paper": Recipe(200, "sgd", 0.1, 1e-4, Plateau, smoothing=0.0, modern=False),
    "fast": Recipe(30, "adamw", 3e-3, 0.02, OneCycle, smoothing=0.1, modern=True),
    "pages": Recipe(40, "adamw", 3e-3, 0.02, OneCycle, smoothing=0.0, modern=True),
}
"""The published recipe, a modern one, and that of the bundled networks."""


def find_recipe(name: str) -> Recipe:
    """Give the recipe of this name.

    Raises:
        InputError: There is none.

    Example:
        >>> ob.nin.find_recipe("fast").epochs
        30
    """
    if name not in RECIPES:
        raise InputError(f"recipe = {name!r}: give one of {', '.join(RECIPES)}.")
    return RECIPES[name]
