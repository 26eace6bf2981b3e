"""One level of an image, or one made of it at the size of pixels that is asked for."""

from collections.abc import Sequence
from math import ceil, prod

import numpy as np

from onebyone.errors import InputError
from onebyone.scans.sources.reader import Reader
from onebyone.scans.sources.source import Georeference, Level, Source

CLOSE = 0.01  # a level is taken as it is where its pixels are this much off, as a share
MOST = 2**23  # numbers of the finer level that are resampled at a time


def at_level(source: Source, level: int | None = None, mpp: float | None = None) -> Source:
    """One level of an image as a source of its own, the finest where nothing is asked for.

    Args:
        source: the image.
        level: of its levels.
        mpp: micrometres per pixel, along y and x; a level within 1 % is taken as it is, otherwise
            the next finer one is resampled.

    Raises:
        InputError: there is no such level, or none as fine; or the image does not say its spacing.
    """
    if level is not None and mpp is not None:
        raise InputError("give a level or micrometres per pixel, not both", level=level, mpp=mpp)
    if mpp is not None:
        return _at_spacing(source, mpp)
    number = level or 0
    if not 0 <= number < len(source.levels):
        sizes = "; ".join(
            f"{n}: {' × '.join(map(str, each.size))}" for n, each in enumerate(source.levels)
        )
        raise InputError(f"{source.name} has levels {sizes}", level=level)
    return LevelSource(source, number)


def _at_spacing(source: Source, mpp: float) -> Source:
    if not mpp > 0 or mpp == float("inf"):
        raise InputError("give micrometres per pixel, such as 0.5", mpp=mpp)
    if source.spacing is None:
        raise InputError(
            f"{source.name} does not say how many micrometres its pixels have; give a level",
            mpp=mpp,
        )
    flat = min(2, len(source.spacing))  # of a volume, y and x
    for number in reversed(range(len(source.levels))):
        shrink = source.levels[number].shrink
        sizes = [a * b for a, b in zip(source.spacing, shrink, strict=True)]
        factors = [mpp / size for size in sizes[-flat:]]
        if all(abs(factor - 1) <= CLOSE for factor in factors):
            return LevelSource(source, number, mpp)
        if all(factor >= 1 - CLOSE for factor in factors):
            kept = [1.0] * (len(sizes) - flat)
            return ResampledSource(source, number, (*kept, *factors), mpp)
    finest = " × ".join(f"{size:g}" for size in source.spacing[-flat:])
    raise InputError(f"the finest level of {source.name} has {finest} micrometres", mpp=mpp)


class LevelSource(Reader):
    """One level of another source, as it is."""

    def __init__(self, source: Source, level: int, mpp: float | None = None) -> None:
        self._source, self._level = source, level
        here = source.levels[level]
        self._follow(here.size, here.shrink)
        asked = {"level": level} if mpp is None else {"level": level, "mpp": mpp}
        self.identity = {**source.identity, **asked}

    def _follow(self, size: tuple[int, ...], shrink: tuple[float, ...]) -> None:
        """Set all that follows from the other source and from how much coarser this is."""
        source = self._source
        self.name, self.channels, self.dtype = source.name, source.channels, source.dtype
        self.levels, self.nodata = (Level(size, shrink),), source.nodata
        if source.spacing is not None:
            self.spacing = tuple(a * b for a, b in zip(source.spacing, shrink, strict=True))
        if source.place is not None:
            a, b, c, d, e, f = source.place.transform
            down, right = shrink[-2:]
            scaled = (a * right, b * down, c, d * right, e * down, f)
            self.place = Georeference(source.place.crs, scaled)

    def _read(self, _: int, start: tuple[int, ...], size: tuple[int, ...], /) -> np.ndarray:
        return self._source.read(self._level, start, size)

    def close(self) -> None:
        """Close the other source."""
        self._source.close()


class ResampledSource(LevelSource):
    """A level made coarser: a pixel is the mean of those around its centre, weighted by a triangle.

    The triangle reaches as far as the centres of the pixels beside it, which keeps what is finer
    from showing as patterns. The weights of a pixel follow from its place in the level alone, and
    are summed in one order, so that it is the same in every region, bit for bit.
    """

    def __init__(self, source: Source, level: int, factors: tuple[float, ...], mpp: float) -> None:
        super().__init__(source, level, mpp)
        here = source.levels[level]
        exact = [n / factor for n, factor in zip(here.size, factors, strict=True)]
        size = tuple(max(1, int(n + 1e-9)) for n in exact)  # 0.3 / 0.1 is less than 3
        shrink = tuple(a * b for a, b in zip(here.shrink, factors, strict=True))
        self._follow(size, shrink)
        self._factors = factors

    def _read(self, _: int, start: tuple[int, ...], size: tuple[int, ...], /) -> np.ndarray:
        cost = [n * factor for n, factor in zip(size, self._factors, strict=True)]
        longest = max(range(len(size)), key=lambda axis: size[axis])
        if self.channels * prod(cost) > MOST and size[longest] > 1:
            return self._halves(start, size, longest)
        weighted = [
            _weights(first, n, factor, full)
            for first, n, factor, full in zip(
                start, size, self._factors, self._source.levels[self._level].size, strict=True
            )
        ]
        begin = [int(places.min()) for places, _ in weighted]
        end = [int(places.max()) + 1 for places, _ in weighted]
        pixels = self._source.read(
            self._level, begin, [b - a for a, b in zip(begin, end, strict=True)]
        )
        sums = pixels.astype(np.float64)
        for axis, (places, weights) in enumerate(weighted):
            if self._factors[axis] != 1:
                sums = _summed(sums, axis + 1, places - begin[axis], weights)
        if self.dtype.kind in "iu":
            limits = np.iinfo(self.dtype)
            sums = np.clip(np.rint(sums), limits.min, limits.max)
        return sums.astype(self.dtype)

    def _halves(self, start: tuple[int, ...], size: tuple[int, ...], axis: int) -> np.ndarray:
        """A region in two parts, so that no more of the finer level is held than need be."""
        half = ceil(size[axis] / 2)
        parts = []
        for first, n in ((0, half), (half, size[axis] - half)):
            begin, length = list(start), list(size)
            begin[axis] += first
            length[axis] = n
            parts.append(self._read(0, tuple(begin), tuple(length)))
        return np.concatenate(parts, axis + 1)


def _weights(first: int, count: int, factor: float, full: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels of an axis make each of `count` from `first`, and how much: both [count, taps].

    Places that would lie outside of the level, or weigh nothing, repeat one that does not.
    """
    if factor == 1:
        return np.arange(first, first + count)[:, None], np.ones((count, 1))
    centres = (np.arange(first, first + count) + 0.5) * factor
    places = np.floor(centres - factor).astype(np.int64)[:, None] + np.arange(ceil(2 * factor) + 2)
    weights = np.maximum(0.0, 1 - np.abs(places + 0.5 - centres[:, None]) / factor)
    weights[(places < 0) | (places >= full)] = 0
    heaviest = places[np.arange(count), weights.argmax(1)][:, None]
    places = np.where(weights > 0, places, heaviest)
    total = np.zeros((count, 1))
    for tap in range(weights.shape[1]):  # in one order, whatever `count` is
        total[:, 0] += weights[:, tap]
    return places, weights / total


def _summed(pixels: np.ndarray, axis: int, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sums along an axis, one tap after the other: nothing depends on the region."""
    shape: Sequence[int] = [-1 if n == axis else 1 for n in range(pixels.ndim)]
    out: np.ndarray = np.take(pixels, places[:, 0], axis) * weights[:, 0].reshape(shape)
    for tap in range(1, places.shape[1]):
        out += np.take(pixels, places[:, tap], axis) * weights[:, tap].reshape(shape)
    return out
