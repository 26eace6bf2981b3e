"""An image that is read piece by piece: the one thing that a scan knows of images."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Level:
    """One resolution of an image.

    Attributes:
        size: pixels along each axis, (height, width) of a picture.
        shrink: pixels of the finest level to one of this, along each axis.
    """

    size: tuple[int, ...]
    shrink: tuple[float, ...]


@dataclass(frozen=True)
class Georeference:
    """Where an image lies on the Earth.

    Attributes:
        crs: its coordinate reference system, as WKT.
        transform: (a, b, c, d, e, f) of the finest level: the corner of pixel (column, row) lies at
            (a·column + b·row + c, d·column + e·row + f).
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]


class Source(ABC):
    """An image of any size.

    Sources pickle without what they have open, and open it again in the process that reads them;
    threads may read one at a time or together, as they come.

    Attributes:
        name: of the image, for messages: a path, an address, or what an array is.
        channels: how many it has; a picture without an axis for them has one.
        dtype: of its numbers.
        levels: its resolutions, the finest first.
        spacing: micrometres from one pixel of the finest level to the next, along each axis; None
            where it does not say.
        place: on the Earth; None where it has none.
        nodata: the number that stands for no data; None where there is none.
        identity: what tells this image, as it is read here, from others: its bytes (size, time of
            change, a digest of the beginning), the reader and the reader's version. Of plain
            numbers and strings, for JSON.
    """

    name: str
    channels: int
    dtype: np.dtype[Any]
    levels: tuple[Level, ...]
    spacing: tuple[float, ...] | None = None
    place: Georeference | None = None
    nodata: float | None = None
    identity: dict[str, str | int | float]

    @abstractmethod
    def read(self, level: int, start: Sequence[int], size: Sequence[int]) -> np.ndarray:
        """Pixels [C, *size] of one level.

        Args:
            level: its place in `levels`.
            start: the first pixel along each axis.
            size: pixels along each axis; all lie within the level.

        Raises:
            InputError: they cannot be read; the next call opens the image again.
        """

    def close(self) -> None:  # noqa: B027 - arrays have nothing to close
        """Close what is open; reading opens it again."""

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
