"""What networks that a package builds by their names have in common, whichever package it is."""

import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from operator import index
from pathlib import Path
from typing import NamedTuple

from torch import nn

from onebyone.errors import InputError, first_line
from onebyone.models.quiet import quiet
from onebyone.models.shown import line, shown
from onebyone.models.weights import put_weights

Window = tuple[int, int, int]
_NEAR = 3


class Asked(NamedTuple):
    """What is asked for: see `load`, whose arguments these are."""

    given: str
    weights: str | None
    classes: int | None
    download: bool
    window: Window | None

    @property
    def name(self) -> str:
        """The name in its package, without what stands before the colon."""
        return self.given.partition(":")[2]


def asked(
    given: str,
    weights: str | None,
    classes: int | None,
    download: bool | None,
    window: Sequence[int] | None,
) -> Asked:
    """What is asked for, checked as far as it can be without the package.

    Raises:
        InputError: two arguments exclude each other, or one has no such value.
    """
    if download and weights is not None:
        raise InputError("weights are given, too: leave one of the two out", download=True)
    if classes is not None and (type(classes) is not int or classes < 1):
        raise InputError("must be a whole number above 0", classes=classes)
    try:
        sizes = None if window is None else tuple(map(index, window))
    except TypeError:
        sizes = ()
    if sizes is not None and (len(sizes) != 3 or min(sizes) < 1):
        raise InputError(f"{given} takes three whole numbers above 0, C,H,W", window=window)
    size = None if sizes is None else (sizes[0], sizes[1], sizes[2])
    return Asked(given, weights, classes, bool(download), size)


def refuse_unknown(given: str, name: str, known: Collection[str]) -> None:
    """Raise InputError, with the nearest names, where none of those known is the one given."""
    if name in known:
        return
    package = given.partition(":")[0]
    near = get_close_matches(name, known, n=_NEAR)
    hint = f"the nearest are {', '.join(near)}" if near else f"`onebyone models {package}:` has all"
    raise InputError(f"{package} has no network {shown(name)}; {hint}", model=given)


def refuse_other_classes(request: Asked, published: int) -> None:
    """Raise InputError where published weights are asked for that have other classes."""
    if request.download and request.classes not in (None, published):
        raise InputError(
            f"the weights that are downloaded have {published}; leave it out, or give weights of "
            f"{request.classes}",
            classes=request.classes,
        )


@contextmanager
def building(given: str) -> Iterator[None]:
    """Turn what a package raises within the block into one line, and silence what it logs."""
    package = given.partition(":")[0]
    try:
        with quiet(package, "huggingface_hub"):
            yield
    except (InputError, MemoryError):
        raise
    except Exception as error:  # of many kinds, as networks and the ways to fetch them are
        why = line(f"{type(error).__name__}: {first_line(error)}")
        raise InputError(f"{package} failed: {why}", model=given) from error


def weighted(network: nn.Module, request: Asked) -> nn.Module:
    """The network in eval mode with the weights that are asked for; a warning where there are none.

    Raises:
        InputError: the weights cannot be read, or do not fit.
    """
    if request.weights is not None:
        put_weights(network, Path(request.weights), takes_classes=True)
    elif not request.download:
        warnings.warn(
            f"{request.given} has random weights: give a file of weights, or download=True "
            "(--download)",
            stacklevel=2,
        )
    return network.eval()


def for_channels(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """Numbers for each channel; their mean, one for all, where a window has other channels."""
    if len(values) in (1, channels):
        return tuple(values)
    return (sum(values) / len(values),)
