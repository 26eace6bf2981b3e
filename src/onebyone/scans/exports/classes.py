"""The classes of a map."""

import re
from collections.abc import Sequence

import numpy as np

from onebyone.errors import InputError
from onebyone.scans.exports.stripes import labelled_stripes
from onebyone.scans.maps import Map


def class_names(map: Map, numbers: Sequence[int]) -> list[str]:
    """Name classes: by their names, or by their numbers where they have none."""
    names = map.classes
    return [names[k] if names and k < len(names) else str(k) for k in numbers]


def numbers_of(map: Map, classes: Sequence[str | int]) -> list[int]:
    """The numbers of classes that are given by name or by number.

    Raises:
        InputError: the map has no such class, or none is given.
    """
    if len(classes) == 0:
        raise InputError("classes: give at least one")
    given = [classes] if isinstance(classes, str) else classes
    return [_number_of(map, each) for each in given]


def _number_of(map: Map, given: str | int) -> int:
    names, count = map.classes or (), _count(map)
    if isinstance(given, str) and given in names:
        return names.index(given)
    number = int(given) if isinstance(given, int) or re.fullmatch(r"\d{1,9}", given) else -1
    if number >= 0 and (count is None or number < count):
        return number
    known = f"one of {', '.join(names)}" if names else f"a number from 0 to {(count or 1) - 1}"
    raise InputError(f"classes: {given!r} is none of the map's; give {known}")


def class_count(map: Map) -> int:
    """How many classes there are, or how many are named in a map of the best few."""
    count = _count(map)
    if count is not None:
        return count
    highest = 0
    for _, scores, labels in labelled_stripes(map):
        seen = labels[~np.isnan(scores)]
        highest = max(highest, int(seen.max(initial=0)))
    return highest + 1


def _count(map: Map) -> int | None:
    """How many classes there are; None where the map holds the best few and does not say."""
    if map.classes:
        return len(map.classes)
    return map.scores[0].shape[0] if map.labels is None else None
