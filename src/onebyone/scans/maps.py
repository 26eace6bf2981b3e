"""The map that a scan writes: scores of every window in a folder of Zarr 3."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.errors import BaseZarrError

from onebyone.errors import InputError
from onebyone.scans.sources.source import Georeference

NOT_RUN, DONE, MASKED = range(3)
"""What `state` says of a window."""
SCORES, LABELS, STATE = "scores", "labels", "state"
KEY, DATASETS = "onebyone", "datasets"
"""The attribute that holds what is not Zarr's, and in it the paths of the scores' levels."""


@dataclass(frozen=True)
class Map:
    """A map of scores, opened for reading.

    `scores` [K, *grid] holds a number for each class, or the best few; `labels` [K, *grid] then
    says whose they are. Windows that were not run, or were masked, hold NaN, in whole numbers the
    largest of the type; `state` [*grid] tells them apart.

    Attributes:
        path: of the folder.
        group: what Zarr has opened.
        scores: of every window, and of the coarser levels behind it: each is the mean of two by two
            windows of the one before.
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
        >>> image = np.random.default_rng(0).integers(0, 256, (1, 60, 80), dtype=np.uint8)
        >>> sliding = ob.slide("nin-digits", stride=4)
        >>> found = ob.scan(image, sliding, "digits.zarr").open()
        >>> found.grid, found.values, found.window
        ((9, 14), 'scores', (1, 28, 28))
        >>> found.read(0, (slice(0, 2), slice(0, 3))).shape
        (11, 2, 3)
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
        InputError: there is none.

    Example:
        >>> image = np.random.default_rng(0).integers(0, 256, (1, 60, 80), dtype=np.uint8)
        >>> sliding = ob.slide("nin-digits", stride=4)
        >>> run = ob.scan(image, sliding, "digits.zarr")
        >>> found = ob.open_map("digits.zarr")
        >>> found.scores[0].shape, found.state[:].min().item()
        ((11, 9, 14), 1)
    """
    try:
        group = zarr.open_group(str(path), mode="r")
    except (BaseZarrError, OSError, ValueError) as error:
        raise InputError(f"{path}: is no map of onebyone scan: it is no Zarr group") from error
    told: Any = group.attrs.get(KEY)
    if not isinstance(told, dict) or STATE not in group:
        raise InputError(f"{path}: is no map of onebyone scan")
    image, place = told["image"], told["image"].get("place")
    arrays: Any = group
    return Map(
        path=Path(path),
        group=group,
        scores=tuple(arrays[each] for each in told[DATASETS]),
        labels=arrays.get(LABELS, None),
        state=arrays[STATE],
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
