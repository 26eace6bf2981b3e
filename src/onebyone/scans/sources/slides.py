"""Whole-slide images that OpenSlide reads, as sources."""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import openslide

from onebyone.errors import InputError, first_line
from onebyone.scans.sources.axes import view
from onebyone.scans.sources.cache import PieceCache
from onebyone.scans.sources.files import identity, selected
from onebyone.scans.sources.reader import Reader, shrink
from onebyone.scans.sources.source import Level
from onebyone.scans.sources.spacing import in_micrometres, spacing_of

BLOCK = 512  # pixels a side that are read at a time where a level is not a whole number finer
WHITE = (255, 255, 255)


class SlideSource(Reader):
    """A slide as OpenSlide reads it: RGB, over the slide's background where it is transparent.

    OpenSlide is asked for places in pixels of the finest level. Where a level is not a whole number
    of times coarser (most are 4.0001 or so), a place falls between two pixels and OpenSlide
    interpolates; what a pixel is would depend on where a region begins. Such levels are read in
    blocks of a fixed grid, so that a pixel is the same in every region. A block may lie up to half
    a pixel of the finest level off.

    Raises:
        InputError: OpenSlide cannot open it.
    """

    OPENED = ("_lock", "_slide", "_blocks")

    def __init__(self, path: Path, select: dict[str, tuple[int, ...]], space: int) -> None:
        self.name, self._path = str(path), path
        if space != 2:
            raise InputError(f"{path}: a slide has two axes of space, not {space}")
        self._reset()
        try:
            slide = self._opened()
            properties: Mapping[str, str] = dict(slide.properties)
            sizes = [(height, width) for width, height in slide.level_dimensions]
            self._downsamples = tuple(float(n) for n in slide.level_downsamples)
        except Exception as error:  # OpenSlide's own, and those of its bindings
            raise InputError(f"{path}: not a readable slide ({first_line(error)})") from error
        self.dtype = np.dtype(np.uint8)
        self._view = view(self.name, "YXC", (*sizes[0], 3), select, space)
        self.channels = len(self._view.channels)
        self.levels = tuple(Level(size, shrink(sizes[0], size)) for size in sizes)
        found = {
            axis: _length(properties.get(f"openslide.mpp-{axis.lower()}")) for axis in ("Y", "X")
        }
        self.spacing = spacing_of(found, ("Y", "X"))
        self._background = _colour(properties.get("openslide.background-color"))
        version = f"openslide {openslide.__version__}, {openslide.__library_version__}"
        self.identity = identity(path, version) | selected(select, space)
        # Of a slide of several files this is a digest of them all.
        self.identity["quickhash"] = properties.get("openslide.quickhash-1", "")

    def _read(self, level: int, start: tuple[int, ...], size: tuple[int, ...], /) -> np.ndarray:
        if self._downsamples[level].is_integer():
            pixels = self._region(level, start, size)
        else:
            pixels = self._from_blocks(level, start, size)
        return pixels[..., list(self._view.channels)].transpose(2, 0, 1)

    def _from_blocks(self, level: int, start: tuple[int, ...], size: tuple[int, ...]) -> np.ndarray:
        """A region [H, W, 3] of the blocks that it touches."""
        blocks = self._blocks
        (top, left), (height, width) = start, size
        out = np.empty((height, width, 3), np.uint8)
        for y in range(top - top % BLOCK, top + height, BLOCK):
            for x in range(left - left % BLOCK, left + width, BLOCK):
                block = blocks.get((level, y, x), lambda y=y, x=x: self._block(level, y, x))
                first, stop = max(y, top), min(y + BLOCK, top + height)
                begin, end = max(x, left), min(x + BLOCK, left + width)
                out[first - top : stop - top, begin - left : end - left] = block[
                    first - y : stop - y, begin - x : end - x
                ]
        return out

    def _block(self, level: int, y: int, x: int) -> np.ndarray:
        height, width = self.levels[level].size
        return self._region(level, (y, x), (min(BLOCK, height - y), min(BLOCK, width - x)))

    def _region(self, level: int, start: tuple[int, ...], size: tuple[int, ...]) -> np.ndarray:
        """A region [H, W, 3] of one call of OpenSlide."""
        times = self._downsamples[level]
        place = (round(start[1] * times), round(start[0] * times))
        slide = self._opened()
        try:
            pixels = np.asarray(slide.read_region(place, level, (size[1], size[0])))
        except openslide.OpenSlideError:
            # An error ends a handle for good, and with it what other threads read. So each thread
            # asks once more, alone, to find out whether its own region is the damaged one.
            self._drop(slide)
            with openslide.OpenSlide(self._path) as alone:
                pixels = np.asarray(alone.read_region(place, level, (size[1], size[0])))
        return self._opaque(pixels)

    def _opaque(self, pixels: np.ndarray) -> np.ndarray:
        colour, alpha = pixels[..., :3], pixels[..., 3:]
        if alpha.min() == 255:
            return colour
        share = alpha.astype(np.uint16)
        ground = np.array(self._background, np.uint16)
        mixed = (colour * share + ground * (255 - share) + 127) // 255
        return mixed.astype(np.uint8)

    def _reset(self) -> None:
        self._lock: Lock = Lock()
        self._slide: Any = None
        self._blocks = PieceCache()

    def _opened(self) -> Any:
        with self._lock:
            if self._slide is None:
                self._slide = openslide.OpenSlide(self._path)
            return self._slide

    def _drop(self, slide: Any) -> None:
        """Forget a handle; it closes when no thread holds it any more."""
        with self._lock:
            if self._slide is slide:
                self._slide = None


def _length(text: str | None) -> float | None:
    try:
        return in_micrometres(float(text), "µm") if text else None
    except ValueError:
        return None


def _colour(text: str | None) -> tuple[int, ...]:
    """Red, green and blue of what OpenSlide writes as six hexadecimal digits."""
    try:
        return tuple(bytes.fromhex(text)) if text and len(text) == 6 else WHITE
    except ValueError:
        return WHITE
