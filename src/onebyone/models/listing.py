"""The names that models have: those that onebyone brings, and those of packages beside it."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from importlib.metadata import version
from typing import NamedTuple

from onebyone.errors import InputError
from onebyone.models import timm_names, torchvision_names
from onebyone.models.loading import READERS, load
from onebyone.models.packages import is_installed, timm, torchvision_models

BUNDLED = "bundled"
PACKAGES = ("timm", "torchvision")
_NEAR = 3


class Source(NamedTuple):
    """Where names come from.

    Attributes:
        source: "bundled", or a package.
        version: of the package, None where it is not installed.
        names: how many there are, None where the package is not installed.
    """

    source: str
    version: str | None
    names: int | None


class Named(NamedTuple):
    """A name that `load` takes.

    Attributes:
        name: as `load` takes it.
        window: (C, H, W) that its configuration says, pixels.
        source: "bundled", or the package that builds it.
    """

    name: str
    window: tuple[int, ...]
    source: str


def sources() -> list[Source]:
    """Where names come from, and how many there are."""
    found = [Source(BUNDLED, version("onebyone"), len(_names(BUNDLED)))]
    for package in PACKAGES:
        if is_installed(package):
            found.append(Source(package, version(package), len(_names(package))))
        else:
            found.append(Source(package, None, None))
    return found


def named(text: str) -> list[Named]:
    """The names that hold a text, in their order, with their windows; nothing is built or fetched.

    Args:
        text: a part of a name as `load` takes it, upper and lower case alike. One that begins as
            `timm:` is looked for there alone.

    Raises:
        InputError: no name holds it, or the package that it begins with is not installed.
    """
    wanted = text.lower()
    source = next((p for p in PACKAGES if wanted.startswith(f"{p}:")), None)
    searched = [source] if source else [BUNDLED, *filter(is_installed, PACKAGES)]
    names = {name: place for place in searched for name in _names(place)}
    held = [name for name in names if wanted in name.lower()]
    if not held:
        near = get_close_matches(wanted, _ends(names), n=_NEAR)
        hint = f"; the nearest are {', '.join(near)}" if near else ""
        raise InputError(f"no name holds {text!r}{hint}")
    return list(_with_windows(sorted(held, key=_natural), names))


def _names(source: str) -> list[str]:
    """All names of a source, as `load` takes them."""
    if source == "timm":
        return [f"timm:{name}" for name in timm_names.names(timm())]
    if source == "torchvision":
        return [f"torchvision:{name}" for name in torchvision_names.names(torchvision_models())]
    return [name for name in READERS if ":" not in name and name[0] != "."]


def _with_windows(names: Iterable[str], sources: dict[str, str]) -> Iterator[Named]:
    for name in names:
        source, inner = sources[name], name.partition(":")[2]
        if source == "timm":
            window: tuple[int, ...] = timm_names.window_of(timm(), inner)
        elif source == "torchvision":
            window = torchvision_names.window_of(torchvision_models(), inner)
        else:
            window = load(name).window or ()
        yield Named(name, window, source)


def _ends(names: Iterable[str]) -> list[str]:
    """Names, and what stands behind a colon in them."""
    return [part for name in names for part in {name, name.rpartition(":")[2]}]


def _natural(name: str) -> list[tuple[int, str]]:
    """What sorts resnet18 before resnet101."""
    return [
        (int(part or 0), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)
    ]
