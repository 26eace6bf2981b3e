"""Which axes of an array are the picture, which its channels, and which are fixed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from onebyone.errors import InputError

SPACE = ("Z", "Y", "X")
"""Spatial axes; an image of two has the last two."""
NAMES = {
    "z": "Z", "depth": "Z", "plane": "Z",
    "y": "Y", "lat": "Y", "latitude": "Y", "row": "Y", "rows": "Y", "height": "Y", "h": "Y",
    "x": "X", "lon": "X", "longitude": "X", "column": "X", "columns": "X", "col": "X",
    "width": "X", "w": "X",
    "c": "C", "channel": "C", "channels": "C", "band": "C", "bands": "C",
    "northing": "Y", "easting": "X", "t": "T", "time": "T",
}  # fmt: skip
"""What axes are called, in small letters; others keep their own names."""


@dataclass(frozen=True)
class View:
    """An array with named axes, seen as channels × space.

    Attributes:
        fixed: the place along each axis that is neither space nor channels, None along the others.
        channel: the axis of channels; None where there is none.
        channels: the places along it that are read, in this order.
        space: the axes of space, outermost first.
    """

    fixed: tuple[int | None, ...]
    channel: int | None
    channels: tuple[int, ...]
    space: tuple[int, ...]

    def size(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Pixels along each axis of space of an array of this shape."""
        return tuple(int(shape[axis]) for axis in self.space)

    def read(
        self,
        get: Callable[[tuple[slice, ...]], Any],
        start: Sequence[int],
        size: Sequence[int],
    ) -> np.ndarray:
        """Pixels [C, *size] from `start`; `get` gives the array at a slice for each axis."""
        where = [slice(place or 0, (place or 0) + 1) for place in self.fixed]
        for axis, first, length in zip(self.space, start, size, strict=True):
            where[axis] = slice(first, first + length)
        parts = []
        for first, stop in _runs(self.channels):
            if self.channel is not None:
                where[self.channel] = slice(first, stop)
            parts.append(self._arranged(np.asarray(get(tuple(where))), tuple(size)))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _arranged(self, pixels: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        leading = () if self.channel is None else (self.channel,)
        kept = (*leading, *self.space)
        others = [axis for axis in range(pixels.ndim) if axis not in kept]
        return pixels.transpose(*others, *kept).reshape(-1, *size)


def view(
    name: str,
    axes: Sequence[str],
    shape: Sequence[int],
    select: Mapping[str, tuple[int, ...]],
    space: int,
) -> View:
    """Find space and channels among the axes of an array, and the place along all others.

    Args:
        name: of the image, for messages.
        axes: the name of each axis: X, Y, Z; C or S (samples) for channels; any other.
        shape: of the array.
        select: places by axis.
        space: how many axes are space: 1 (X), 2 (Y, X) or 3 (Z, Y, X).

    Raises:
        InputError: an axis of space is missing or without pixels, `select` names what does not
            exist, or an axis with more than one place is neither space nor selected.
    """
    letters = [NAMES.get(axis.lower(), axis) for axis in axes]
    told = ", ".join(f"{axis}={size}" for axis, size in zip(axes, shape, strict=True))
    wanted = SPACE[-space:]
    if any(letters.count(axis) != 1 for axis in wanted):
        raise InputError(f"{name}: has axes {told}; an image needs {', '.join(wanted)} among them")
    if 0 in shape:
        raise InputError(f"{name}: the image is empty, its axes are {told}")
    spatial = tuple(letters.index(axis) for axis in wanted)
    channel = next((letters.index(axis) for axis in ("S", "C") if axis in letters), None)
    places = _by_axis(name, axes, letters, select, channel)
    for axis, chosen in places.items():
        if axis in spatial:
            raise InputError(f"{name}: {axes[axis]} is an axis of the image, all of it is read")
        if max(chosen) >= shape[axis]:
            raise InputError(
                f"{name}: has no {axes[axis]}={max(chosen)}; its axes are {told}, counted from 0"
            )
    fixed: list[int | None] = [None] * len(axes)
    for axis in set(range(len(axes))) - {*spatial, channel}:
        chosen = places.get(axis, (0,) if shape[axis] == 1 else ())
        if len(chosen) != 1:
            raise InputError(
                f"{name}: has axes {told}; choose one place along {axes[axis]}, such as "
                f"--select {axes[axis]}={shape[axis] // 2}"
            )
        (fixed[axis],) = chosen
    channels = (0,) if channel is None else places.get(channel, tuple(range(shape[channel])))
    return View(tuple(fixed), channel, channels, spatial)


def _by_axis(
    name: str,
    axes: Sequence[str],
    letters: Sequence[str],
    select: Mapping[str, tuple[int, ...]],
    channel: int | None,
) -> dict[int, tuple[int, ...]]:
    """Places by the number of the axis, which is named as the image does or by its letter."""
    known = {axis.lower(): number for number, axis in enumerate(axes)}
    known |= {letter.lower(): number for number, letter in enumerate(letters)}
    if channel is not None:
        known.setdefault("c", channel)
    found = {}
    for axis, places in select.items():
        number = known.get(axis.lower(), known.get(NAMES.get(axis.lower(), axis).lower()))
        if number is None:
            raise InputError(f"{name}: has no axis {axis}, its axes are {', '.join(axes)}")
        found[number] = places
    return found


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Places as (first, stop) of the runs that follow one another: 0, 1, 5 are (0, 2), (5, 6)."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1] = (runs[-1][0], place + 1)
        else:
            runs.append((place, place + 1))
    return runs
