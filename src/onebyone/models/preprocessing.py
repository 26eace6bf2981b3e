"""What a network expects of the pixels that it is given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

Numbers = float | Sequence[float]


@dataclass(frozen=True)
class Preprocessing:
    """The pixels that a network takes: from 0 to 1, less `mean`, over `std`.

    Attributes:
        mean: one number, or one for each channel; None where nothing is subtracted.
        std: the same of what divides; None where nothing does.

    Example:
        >>> from onebyone.models import Preprocessing
        >>> usual = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
        >>> usual.but(std=1.0)
        Preprocessing(mean=(0.485, 0.456, 0.406), std=1.0)
    """

    mean: Numbers | None = None
    std: Numbers | None = None

    def but(self, mean: Numbers | None = None, std: Numbers | None = None) -> "Preprocessing":
        """The same with what is given in place of its own."""
        given: dict[str, Any] = {"mean": mean, "std": std}
        return replace(self, **{name: value for name, value in given.items() if value is not None})


def unit_scale(kind: torch.dtype) -> float | None:
    """The factor that takes pixels of a type to 0 to 1, where the type alone says it."""
    return 1 / 255 if kind == torch.uint8 else None
