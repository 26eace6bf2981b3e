"""The map that a scan writes: scores of every window in a folder of Zarr 3."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from onebyone.errors import InputError, first_line
from onebyone.notebook import shown
from onebyone.scans.about import find_fault, short
from onebyone.scans.sources.source import Georeference
from onebyone.wording import by

NOT_RUN, DONE, MASKED = range(3)
"""What `state` says of a window."""
SCORES, LABELS, STATE = "scores", "labels", "state"
KEY, DATASETS = "onebyone", "datasets"
"""The attribute that holds what is not Zarr's, and in it the paths of the scores' levels."""
_KINDS = {LABELS: "iu", STATE: "u"}
"""Of the numbers of arrays, as NumPy calls them; scores are fractions, too."""
_MOST = 2**48
"""Windows of a map; one that says more is damaged, and no row of it fits the memory."""


@dataclass(frozen=True)
class Map:
    """A map of scores, opened for reading.

    `scores` [K, *grid] holds a number for each class, or the best few; `labels` [K, *grid] then
    says whose they are. Windows that were not run, or were masked, hold NaN, in whole numbers the
    largest of the type; `state` [*grid] tells them apart.

    Attributes:
        path: of the folder.
        group: what Zarr has opened.
        scores: of every window, and behind it of those coarser levels that are there as a whole:
            each is the mean of two by two windows of the one before.
        labels: classes of the scores; None where score k is that of class k.
        state: 0 where a window has not been run, 1 where it has, 2 where it is masked.
        values: what scores are: "scores", "probabilities", "top" or "margin".
        window: (C, *space), in pixels of the level that was read.
        stride: pixels of that level from one window to the next.
        classes: their names; None where they have none.
        title: the image's name.
        size: of the image at the level that was read.
        shrink: pixels of the image's finest level to one of that level, along each axis.
        spacing: micrometres from one pixel of that level to the next; None if it is not known.
        place: of the image's finest level on the Earth; None if it has none.

    Example:
        >>> sliding = ob.slide("nin-digits", stride=4)
        >>> image = np.zeros((1, 64, 80), np.uint8)
        >>> found = ob.scan(image, sliding, "map.zarr", values="margin").open()
        >>> found
        map.zarr: the margin of the best class at 10×14 windows
        of 28×28 pixels, one every 4×4, of ndarray (1, 64, 80) uint8
        >>> found.grid, found.read(0, (slice(0, 2), slice(0, 3))).shape  # scores of some windows
        ((10, 14), (1, 2, 3))
        >>> found.labels.shape  # and whose they are
        (1, 10, 14)
    """

    path: Path
    group: zarr.Group
    scores: tuple[zarr.Array[Any], ...]
    labels: zarr.Array[Any] | None
    state: zarr.Array[Any]
    values: str
    window: tuple[int, ...]
    stride: tuple[int, ...]
    classes: tuple[str, ...] | None
    title: str
    size: tuple[int, ...]
    shrink: tuple[float, ...]
    spacing: tuple[float, ...] | None
    place: Georeference | None

    @property
    def grid(self) -> tuple[int, ...]:
        """Windows along each axis."""
        return tuple(self.state.shape)

    def __str__(self) -> str:
        windows = f"of {by(self.window[1:])} pixels, one every {by(self.stride)}, of {self.title}"
        return f"{self.path}: {self._kept} at {by(self.grid)} windows\n{windows}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        facts = {"image": f"{self.title}, {by(self.size)} pixels"}
        facts |= {"levels": str(len(self.scores)), "numbers": str(self.scores[0].dtype)}
        if self.classes is not None:
            facts["classes"] = ", ".join(self.classes)
        return shown("Map", str(self), facts)

    @property
    def _kept(self) -> str:
        """What is kept of a window, in words."""
        count = self.scores[0].shape[0]
        if self.labels is None:
            return f"{self.values} of {count} class{'es' * (count != 1)}"
        if self.values == "margin":
            return "the margin of the best class"
        return "the best class" if count == 1 else f"the best {count} classes"

    def read(self, level: int, where: Sequence[slice]) -> np.ndarray:
        """Scores [K, *windows] of a part of one level as float32, NaN where there are none."""
        array = self.scores[level]
        found = np.asarray(array[(slice(None), *where)])
        if found.dtype.kind == "u":
            none = found == np.iinfo(found.dtype).max
            found = found.astype(np.float32) / (np.iinfo(found.dtype).max - 1)
            found[none] = np.nan
        return found.astype(np.float32, copy=False)


def open_map(path: str | Path) -> Map:
    """Open a map that `scan` has written or is writing.

    Raises:
        InputError: there is none, or it is damaged.

    Example:
        >>> sliding = ob.slide("nin-digits", stride=4)
        >>> run = ob.scan(np.zeros((1, 64, 80), np.uint8), sliding, "map.zarr")
        >>> ob.open_map("map.zarr").scores[0].shape
        (11, 10, 14)
    """
    try:
        group = zarr.open_group(str(path), mode="r")
    except Exception as error:  # Zarr raises errors of any kind of what is no JSON of its own
        raise InputError(f"{path}: is no map of onebyone scan: it is no Zarr group") from error
    told: Any = group.attrs.get(KEY)
    state = _array(group, STATE, path) if isinstance(told, dict) else None
    if state is None:
        raise InputError(f"{path}: is no map of onebyone scan")
    if fault := find_fault(told, state.ndim):
        raise InputError(f"{path}: is damaged ({fault})")
    found = {name: _array(group, name, path) for name in told[DATASETS]}
    levels = [level for level in found.values() if level is not None]
    if len(levels) < len(found):
        absent = next(name for name, level in found.items() if level is None)
        raise InputError(f"{path}: is damaged (its {short(absent)!r} is not there)")
    labels = _array(group, LABELS, path)
    _check_shapes(state, levels, labels, path)
    image, place = told["image"], told["image"].get("place")
    return Map(
        path=Path(path),
        group=group,
        scores=_whole_levels(levels, Path(path)),
        labels=labels,
        state=state,
        values=told["values"],
        window=tuple(told["window"]),
        stride=tuple(told["stride"]),
        classes=tuple(told["classes"]) if told.get("classes") else None,
        title=image["name"],
        size=tuple(image["size"]),
        shrink=tuple(image["shrink"]),
        spacing=tuple(image["spacing"]) if image.get("spacing") else None,
        place=Georeference(place["crs"], tuple(place["transform"])) if place else None,
    )


def _array(group: zarr.Group, name: str, path: str | Path) -> zarr.Array[Any] | None:
    """An array of a map; None where it is not there.

    Raises:
        InputError: it is damaged, or holds other numbers than a map does.
    """
    arrays: Any = group
    try:
        found = arrays.get(name, None)
    except Exception as error:  # as above
        fault = first_line(error)
    else:
        if found is None:
            return None
        if isinstance(found, zarr.Array) and found.dtype.kind in _KINDS.get(name, "fu"):
            return found
        fault = "it is no array of such numbers"
    raise InputError(f"{path}: is damaged (its {short(name)!r} cannot be read: {fault})")


def _check_shapes(
    state: zarr.Array[Any],
    levels: Sequence[zarr.Array[Any]],
    labels: zarr.Array[Any] | None,
    path: str | Path,
) -> None:
    """Compare the shapes of a map's arrays, each level of which has half as many windows.

    Raises:
        InputError: they do not fit each other.
    """
    numbers, grid = levels[0].shape[0], state.shape
    fit = 1 <= state.ndim <= 3 and 0 < prod(grid) <= _MOST
    for level in levels:
        fit &= level.shape == (numbers, *grid) and numbers > 0
        grid = tuple(-(-n // 2) for n in grid)
    if not fit or (labels is not None and labels.shape != levels[0].shape):
        raise InputError(f"{path}: is damaged (the shapes of its arrays do not fit each other)")


def _whole_levels(levels: list[zarr.Array[Any]], path: Path) -> tuple[zarr.Array[Any], ...]:
    """The finest level, and coarser ones as long as all of their shards are there."""
    found = levels[:1]
    for level in levels[1:]:
        files = sum(len(names) for _, _, names in os.walk(path / level.path / "c"))
        if files < prod(-(-n // m) for n, m in zip(level.shape, _files(level), strict=True)):
            break
        found.append(level)
    return tuple(found)


def _files(level: zarr.Array[Any]) -> tuple[int, ...]:
    """Numbers of a file along each dimension."""
    return tuple(level.shards or level.chunks)
