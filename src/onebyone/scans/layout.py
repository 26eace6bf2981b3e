"""How a map lies in its folder of Zarr 3, and what that says to those who read it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np

from onebyone.scans.maps import DATASETS, SCORES, STATE
from onebyone.scans.positions import Positions
from onebyone.scans.sources.source import Georeference, Source
from onebyone.scans.tiling import Tiling
from onebyone.scans.values import Values

AXES = {1: "x", 2: "yx", 3: "zyx"}
_CHUNK = 1 << 20
"""Bytes of a chunk at most, where a tile has more: what readers fetch and unpack at a time."""
_COARSEST = 512
"""Windows of the longest side of the coarsest level, at most."""


@dataclass(frozen=True)
class Layout:
    """The arrays of a map.

    Attributes:
        tiling: of the windows; a tile is a shard of each array.
        numbers: that are kept of a window.
        values: what they are.
    """

    tiling: Tiling
    numbers: int
    values: Values

    @property
    def levels(self) -> tuple[Tiling, ...]:
        """The tilings of the scores and of their coarser levels."""
        found = [self.tiling]
        while max(found[-1].grid) > _COARSEST:
            found.append(found[-1].coarser())
        return tuple(found)

    @property
    def paths(self) -> tuple[str, ...]:
        """The arrays of the scores and of their coarser levels."""
        return (SCORES, *(f"coarser/{k}" for k in range(1, len(self.levels))))

    @property
    def chunk(self) -> tuple[int, ...]:
        """Windows of a chunk along each axis: a tile's, halved until it is small."""
        sides, width = list(self.tiling.shape), self.numbers * np.dtype(self.values.dtype).itemsize
        while prod(sides) * width > _CHUNK and max(sides) > 1:
            longest = sides.index(max(sides))
            if sides[longest] % 2:
                break
            sides[longest] //= 2
        return tuple(sides)

    @property
    def written(self) -> tuple[str, ...]:
        """The arrays of which a tile is written, `state` last: it is the record."""
        return (*self.values.stored, STATE)


def ome(layout: Layout, axes: Sequence[Positions], source: Source) -> dict[str, Any]:
    """What OME-NGFF 0.5 says of a map: where the centres of windows lie, in every level."""
    names = AXES[len(axes)]
    unit = {} if source.spacing is None else {"unit": "micrometer"}
    datasets = []
    for level, path in enumerate(layout.paths):
        scale, translation = [1.0], [0.0]
        for axis, positions in enumerate(axes):
            step, first = centres(positions, source, axis, level)
            scale.append(step)
            translation.append(first)
        moves = [
            {"type": "scale", "scale": scale},
            {"type": "translation", "translation": translation},
        ]
        datasets.append({"path": path, "coordinateTransformations": moves})
    found = [{"name": "c", "type": "channel"}]
    found += [{"name": name, "type": "space", **unit} for name in names]
    scales = {"name": title(source), "axes": found, "datasets": datasets}
    return {"version": "0.5", "multiscales": [scales]}


def centres(positions: Positions, source: Source, axis: int, level: int = 0) -> tuple[float, float]:
    """How far the centres of windows are apart along an axis, and where the first is.

    From the centre of the first pixel of the image's finest level on, in micrometres, or in its
    pixels where their size is not known. A window of a coarser level is the mean of two.
    """
    pixel = source.spacing[axis] if source.spacing else source.levels[0].shrink[axis]
    finest = pixel / source.levels[0].shrink[axis]
    first = positions.window / 2 + positions.stride * (2**level - 1) / 2
    return 2**level * positions.stride * pixel, first * pixel - finest / 2


def coordinates(positions: Positions, source: Source, axis: int) -> np.ndarray:
    """The centres of all windows along an axis, in the units of `centres`."""
    step, first = centres(positions, source, axis)
    starts = np.arange(positions.count, dtype=np.float64) * positions.stride
    starts[-1] = positions.start(positions.count - 1)
    return first + starts * (step / positions.stride)


def title(source: Source) -> str:
    """The name of an image, without the folders that it lies in."""
    return source.name.rstrip("/").rpartition("/")[2]


def told(
    layout: Layout,
    window: Sequence[int],
    axes: Sequence[Positions],
    source: Source,
    place: Georeference | None,
) -> dict[str, Any]:
    """What a map says of itself beside Zarr's and OME's words, for `open_map`.

    Args:
        layout: of its arrays.
        window: (C, *space).
        axes: where windows lie.
        source: the level that is read.
        place: of the image's finest level.
    """
    level = source.levels[0]
    return {
        "values": layout.values.kind,
        "window": list(window),
        "stride": [positions.stride for positions in axes],
        DATASETS: list(layout.paths),
        "image": {
            "name": title(source),
            "size": list(level.size),
            "shrink": list(level.shrink),
            "spacing": list(source.spacing) if source.spacing else None,
            "place": asdict(place) if place else None,
        },
    }
