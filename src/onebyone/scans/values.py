"""What is kept of a classifier's scores, and as which numbers."""

import re
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from onebyone.choices import Dtype
from onebyone.errors import InputError
from onebyone.scans.maps import LABELS, SCORES

KINDS = ("scores", "probabilities", "top", "margin")
DTYPES = get_args(Dtype)
MOST_CLASSES = 2**16 - 1


@dataclass(frozen=True)
class Values:
    """What is kept of the scores of a window.

    Attributes:
        kind: "scores" as the network gives them; "probabilities", their softmax over classes (of
            one class the sigmoid); "top", the largest few probabilities and whose they are;
            "margin", how far the largest is above the second, and whose it is.
        dtype: "float32", "float16", or "uint8", which has 0 to 1 as 0 to 254.
        top: how many are kept of "top".
        given: whether the network gives probabilities itself.
    """

    kind: str
    dtype: str
    top: int = 1
    given: bool = False

    @property
    def labelled(self) -> bool:
        """Whether the classes of the numbers are kept, too."""
        return self.kind in ("top", "margin")

    def count(self, classes: int) -> int:
        """How many numbers are kept of the scores of so many classes.

        Raises:
            InputError: there are too few classes, or too many.
        """
        if not self.labelled:
            return classes
        least = self.top if self.kind == "top" else 2
        if not least <= classes <= MOST_CLASSES:
            raise InputError(
                f"the model gives {classes} scores; these values need {least} or more of them",
                values=self.written,
            )
        return self.top if self.kind == "top" else 1

    @property
    def written(self) -> str:
        """As `values_of` takes it."""
        return f"top:{self.top}" if self.kind == "top" else self.kind

    @property
    def stored(self) -> dict[str, tuple[str, float | int]]:
        """The arrays that are kept: their types, and the number where there is none."""
        found: dict[str, tuple[str, float | int]] = {
            SCORES: (self.dtype, 255 if self.dtype == "uint8" else float("nan"))
        }
        if self.labelled:
            found[LABELS] = ("uint16", MOST_CLASSES)
        return found

    def kept(self, scores: Tensor) -> dict[str, np.ndarray]:
        """The numbers that are kept of scores [K, *grid], by the arrays of `stored`."""
        y, found = scores.detach().to("cpu", torch.float32), {}
        if self.kind != "scores" and not self.given:
            y = y.softmax(0) if len(y) > 1 else y.sigmoid()
        if self.labelled:
            best, places = y.topk(self.top if self.kind == "top" else 2, dim=0)
            y = best if self.kind == "top" else best[:1] - best[1:2]
            found[LABELS] = places[: len(y)].numpy().astype(np.uint16)
        return {SCORES: self._stored(y), **found}

    def _stored(self, y: Tensor) -> np.ndarray:
        if self.dtype != "uint8":
            return y.numpy().astype(self.dtype)
        rounded = (y.clamp(0, 1) * 254).round()
        return rounded.nan_to_num(255).to(torch.uint8).numpy()


def values_of(values: str, dtype: str) -> Values:
    """What "scores", "probabilities", "top:K" or "margin" keeps.

    Raises:
        InputError: it is none of these, or the type does not hold it.
    """
    kind, _, number = values.partition(":")
    top = int(number) if re.fullmatch("[0-9]{1,9}", number) else 0
    if kind not in KINDS or (kind == "top") != bool(number) or (number and not top):
        raise InputError("use scores, probabilities, top:K or margin, as top:5", values=values)
    if dtype not in DTYPES:
        raise InputError(f"use one of {', '.join(DTYPES)}", dtype=dtype)
    if dtype == "uint8" and kind == "scores":
        raise InputError(
            "holds 0 to 1, as probabilities, top:K and margin are; scores may be anything",
            dtype=dtype,
        )
    return Values(kind, dtype, max(top, 1))


def are_probabilities(scores: Tensor) -> bool:
    """Whether scores [K, *grid] are numbers from 0 to 1 whose sum over classes is 1."""
    y = scores.detach().float()
    sums = y.sum(0)
    return len(y) > 1 and bool(y.min() >= 0) and bool(((sums - 1).abs() < 1e-3).all())
