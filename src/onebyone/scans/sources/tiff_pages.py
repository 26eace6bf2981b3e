"""The pages of one level of a TIFF file as an array, of which only some tiles are decoded."""

from collections.abc import Sequence
from itertools import product
from math import prod
from threading import Lock
from typing import Any

import numpy as np

from onebyone.scans.sources.cache import PieceCache
from onebyone.scans.sources.tiff_colours import JPEG


class TiffPages:
    """One level of a TIFF file as an array.

    Attributes:
        axes: a letter for each axis: those of the series of pages, then those of a page.
        shape: of the array.
        dtype: of its numbers, as they are stored.
    """

    def __init__(self, level: Any, number: int, lock: Lock, cache: PieceCache) -> None:
        self.axes, self.shape, self.dtype = str(level.axes), tuple(level.shape), level.dtype
        page = level.keyframe
        self._pages, self._inner = level.pages, str(page.axes)
        self._outer = self.shape[: len(self.axes) - len(self._inner)]
        follows = (
            self.axes.endswith(self._inner)
            and self.shape[len(self._outer) :] == page.shape
            and prod(self._outer) == len(level.pages)
        )
        if not follows:
            raise ValueError(f"its axes {self.axes} of {self.shape} do not follow from its pages")
        self._number, self._lock, self._cache = number, lock, cache
        if page.is_tiled:
            self._tile = (page.tiledepth, page.tilelength, page.tilewidth)
        else:
            self._tile = (1, min(page.rowsperstrip, page.imagelength), page.imagewidth)

    def __getitem__(self, where: tuple[slice, ...]) -> np.ndarray:
        """Numbers at a slice of step 1 for each axis."""
        spans = [range(*part.indices(n)) for part, n in zip(where, self.shape, strict=True)]
        outer, inner = spans[: len(self._outer)], spans[len(self._outer) :]
        pages = [
            int(np.ravel_multi_index(place, self._outer)) if self._outer else 0
            for place in product(*outer)
        ]
        parts = [self._page(page, inner) for page in pages]
        pixels = parts[0] if len(parts) == 1 else np.stack(parts)
        return pixels.reshape([len(span) for span in spans])

    def _page(self, number: int, spans: Sequence[range]) -> np.ndarray:
        """A part [planes, D, H, W, S] of one page, with a tile or strip at a time."""
        page = self._pages[number]
        separate, *full, samples = page.shaped
        by_letter = dict(zip(self._inner, spans, strict=True))
        planes = by_letter.get("S", range(separate)) if separate > 1 else range(1)
        colours = by_letter.get("S", range(samples)) if separate == 1 else range(1)
        space = [by_letter.get(letter, range(n)) for letter, n in zip("ZYX", full, strict=True)]
        tiles = [
            range(span.start // n, -(-span.stop // n))
            for span, n in zip(space, self._tile, strict=True)
        ]
        counts = [-(-pixels // n) for pixels, n in zip(full, self._tile, strict=True)]
        out = np.zeros([len(planes), *map(len, space), len(colours)], self.dtype)
        for plane, *tile in product(planes, *tiles):
            index = plane
            for place, count in zip(tile, counts, strict=True):
                index = index * count + place
            piece = self._piece(number, index)[..., colours.start : colours.stop]
            self._copy(piece, tile, space, out[plane - planes.start])
        return out

    def _copy(
        self, piece: np.ndarray, tile: Sequence[int], space: Sequence[range], out: np.ndarray
    ) -> None:
        """Put the part of a tile that lies in the region into `out` [D, H, W, S]."""
        source, target = [], []
        for place, span, n, there in zip(tile, space, self._tile, piece.shape, strict=False):
            begin = place * n
            first, stop = max(span.start, begin), min(span.stop, begin + there)
            source.append(slice(first - begin, stop - begin))
            target.append(slice(first - span.start, stop - span.start))
        out[tuple(target)] = piece[tuple(source)]

    def _piece(self, number: int, index: int) -> np.ndarray:
        """A tile [D, H, W, S] of a page, decoded now or before."""
        page = self._pages[number]
        return self._cache.get(
            (self._number, number, index), lambda: self._decoded(page, number, index)
        )

    def _decoded(self, page: Any, number: int, index: int) -> np.ndarray:
        """A tile [D, H, W, S].

        Of a JPEG tile only a damaged header is an error: where its body is damaged, libjpeg fills
        in what it does not find.
        """
        offset, count = page.dataoffsets[index], page.databytecounts[index]
        if count == 0:  # a tile that was never written
            return np.full((*self._tile, page.shaped[-1]), page.keyframe.nodata, self.dtype)
        file = page.parent.filehandle
        with self._lock:  # the file has one place at which it is read
            if file.closed:  # tifffile closes the other files of an OME-TIFF of several
                file.open()
            file.seek(offset)
            data = file.read(count)
        if len(data) < count:
            raise ValueError(f"plane {number}, tile {index} ends behind the file")
        tables: dict[str, Any] = {}
        if page.keyframe.compression in JPEG:
            tables = {"jpegtables": page.jpegtables, "jpegheader": page.keyframe.jpegheader}
        piece = page.keyframe.decode(data, index, **tables)[0]
        return np.asarray(piece)
