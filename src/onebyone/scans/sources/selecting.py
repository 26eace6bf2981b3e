"""What `select` says: which channels, planes and moments of an image are read."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onebyone.errors import InputError

Select = Mapping[str, int | Sequence[int]]
"""Places along an axis, from 0, by the axis' name: {"C": [0, 2], "Z": 5}."""

_TERM = re.compile(r"(?:(?P<axis>[^=,;\s]+)\s*=\s*)?(?P<place>\d+)")


def parse_select(texts: Sequence[str]) -> dict[str, list[int]]:
    """Read `--select` texts: "C=0,2" and "Z=5", or "C=0,2;Z=5", or "Z=5,T=0".

    Raises:
        InputError: one of them says something else, or an axis is named twice.
    """
    found: dict[str, list[int]] = {}
    for text in texts:
        axis = None
        for term in re.split(r"[,;]", text):
            match = _TERM.fullmatch(term.strip())
            named = match["axis"] if match else None
            if match is None or (named is None and axis is None):
                raise InputError("give AXIS=NUMBER, such as C=0,2 or Z=5", select=text)
            if named is not None and named in found:
                raise InputError(f"axis {named} is named twice", select=text)
            axis = named or axis
            found.setdefault(str(axis), []).append(int(match["place"]))
    return found


def check_select(select: Select | None) -> dict[str, tuple[int, ...]]:
    """Return a selection with a tuple of places for each axis.

    Raises:
        InputError: it is no mapping of whole numbers, or names a place twice.
    """
    if select is None:
        return {}
    if not isinstance(select, Mapping):
        raise InputError('give places by axis, such as {"C": [0, 2], "Z": 5}', select=select)
    return {str(axis): _places(select, axis) for axis in select}


def _places(select: Select, axis: str) -> tuple[int, ...]:
    given: Any = select[axis]
    several = given if isinstance(given, (Sequence, np.ndarray)) else [given]
    places = []
    for each in several:
        whole = hasattr(each, "__index__") and not isinstance(each, bool)
        if not whole or each < 0:
            raise InputError(
                f"{axis} takes whole numbers from 0, not {each!r}", select=dict(select)
            )
        places.append(int(each))
    if not places or len(set(places)) < len(places):
        raise InputError(f"{axis} takes one place or several that differ", select=dict(select))
    return tuple(places)
