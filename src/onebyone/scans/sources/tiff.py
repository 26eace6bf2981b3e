"""TIFF, BigTIFF and OME-TIFF as sources, of which only the tiles in a region are decoded."""

import warnings
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
from tifffile import TiffFile

from onebyone.errors import InputError, first_line
from onebyone.scans.sources.axes import SPACE, View, view
from onebyone.scans.sources.cache import PieceCache
from onebyone.scans.sources.files import identity, selected
from onebyone.scans.sources.reader import Reader, native, shrink
from onebyone.scans.sources.source import Level
from onebyone.scans.sources.spacing import ome_spacing, spacing_of, tiff_spacing
from onebyone.scans.sources.tiff_colours import alpha_samples, converted
from onebyone.scans.sources.tiff_pages import TiffPages
from onebyone.scans.sources.tiff_structure import check_tiff

NODATA = 42113  # a tag of GDAL
UPRIGHT = 1  # TIFF's orientation of most files


class TiffSource(Reader):
    """The first image of a TIFF file, with the levels of its pyramid.

    Pages that nothing names are channels, or planes for `space=3`. Palettes are looked up; an alpha
    channel is left out unless it is selected.

    Raises:
        InputError: the file is truncated, holds no image, or axes that must be chosen from.
    """

    OPENED = ("_lock", "_open")

    def __init__(self, path: Path, select: dict[str, tuple[int, ...]], space: int) -> None:
        check_tiff(path)
        self.name, self._path = str(path), path
        self._reset()
        try:
            opened = self._opened()
            page, file = opened.page, opened.file
            self._say_what_is_lost(file, page)
        except (InputError, MemoryError, UserWarning):
            raise
        except Exception as error:  # tifffile raises errors of any kind of a damaged file
            raise InputError(f"{path}: not a readable TIFF ({first_line(error)})") from error
        first = opened.levels[0]
        self.dtype = native(self.name, first.dtype)
        axes = _named(first.axes, space)
        self._view = view(self.name, axes, first.shape, self._chosen(select, axes, page), space)
        self.channels = len(self._view.channels)
        self.levels = _levels(opened.levels, self._view)
        found = tiff_spacing(page.tags)
        found |= ome_spacing(file.ome_metadata or "")
        self.spacing = spacing_of(found, SPACE[-space:])
        reader = f"tifffile {version('tifffile')}, imagecodecs {version('imagecodecs')}"
        if NODATA in page.tags:
            self.nodata = float(page.nodata)
        self.identity = identity(path, reader) | selected(select, space)
        for number, other in enumerate(opened.others):
            self.identity[f"sha256 of file {number + 2}"] = identity(other, reader)["sha256"]

    def _read(self, level: int, start: tuple[int, ...], size: tuple[int, ...], /) -> np.ndarray:
        opened = self._opened()  # held as long as it is read, whoever closes the source meanwhile
        try:
            return self._view.read(opened.levels[level].__getitem__, start, size)
        except OSError:  # of a disk or a network that may come back
            self._reset()
            raise

    def _reset(self) -> None:
        self._lock: Lock = Lock()
        self._open: _Opened | None = None

    def _opened(self) -> "_Opened":
        with self._lock:
            if self._open is None:
                self._open = _Opened(self._path)
            return self._open

    def _chosen(
        self, select: dict[str, tuple[int, ...]], axes: list[str], page: Any
    ) -> dict[str, tuple[int, ...]]:
        """What is selected; all samples but an alpha channel where no channels are."""
        alpha = alpha_samples(page)
        given = {axis.upper() for axis in select}
        if not alpha or "S" not in axes or given & {"C", "S"}:
            return select
        warnings.warn(f"{self.name}: its alpha channel is left out", stacklevel=4)
        return select | {"S": tuple(n for n in range(page.samplesperpixel) if n not in alpha)}

    def _say_what_is_lost(self, file: TiffFile, page: Any) -> None:
        """Warn of what is in the file and not read.

        Raises:
            InputError: there is less in the file than it tells of.
        """
        guessed = file.series[0].kind in ("generic", "uniform")
        if file.is_imagej and guessed:  # tifffile has found fewer than it tells of
            raise InputError(f"{self.name}: the file is truncated, ImageJ wrote more planes")
        if file.is_ome and guessed:
            warnings.warn(f"{self.name}: its OME description is not understood", stacklevel=4)
        others = [series for series in file.series[1:] if not series.keyframe.is_reduced]
        if others:
            more = len(others) + 1
            warnings.warn(f"{self.name}: only the first of its {more} images is read", stacklevel=4)
        if int(page.tags.valueof("Orientation", UPRIGHT)) != UPRIGHT:
            warnings.warn(f"{self.name}: is read as it lies, not turned upright", stacklevel=4)


class _Opened:
    """What is open of a TIFF file; it closes when nobody holds it any more."""

    def __init__(self, path: Path) -> None:
        self.file = TiffFile(path)
        finalize(self, self.file.close)
        series = self.file.series[0]
        self.page = series.keyframe
        pages: list[Any] = list(series.pages)
        if any(page is None for page in pages):
            raise ValueError("planes are missing that its OME description tells of")
        names = {page.parent.filename for page in pages} - {path.name}
        self.others = [path.parent / name for name in sorted(names)]
        for other in self.others:
            check_tiff(other)
        lock, cache = Lock(), PieceCache()
        self.levels = [
            self._array(path, level, number, lock, cache)
            for number, level in enumerate(series.levels)
        ]

    def _array(self, path: Path, level: Any, number: int, lock: Lock, cache: PieceCache) -> Any:
        """A level as an array: mapped where the file holds its numbers as they are."""
        begin = level.dataoffset
        array: Any
        if begin is not None and not level.is_multifile:
            dtype = level.dtype.newbyteorder(self.file.byteorder)
            end = begin + dtype.itemsize * int(np.prod(level.shape, dtype=np.int64))
            if end > path.stat().st_size:
                raise ValueError(f"its pixels end at byte {end}, the file is truncated")
            array = np.memmap(path, dtype, "r", begin, level.shape)
        else:
            array = TiffPages(level, number, lock, cache)
        return converted(array, level.axes, level.keyframe)


def _named(axes: str, space: int) -> list[str]:
    """Names of a TIFF's axes; pages that have no meaning are channels, or planes of a volume."""
    named = [axis if axes.index(axis) == n else f"{axis}{n}" for n, axis in enumerate(axes)]
    others = [axis for axis in named if axis not in SPACE[-space:]]
    if space == 3 and "Z" not in named:
        unnamed = [axis for axis in others if axis in "IQ"]
        return ["Z" if unnamed and axis == unnamed[-1] else axis for axis in named]
    if len(others) == 1 and others[0] in ("I", "Q"):
        return ["C" if axis == others[0] else axis for axis in named]
    return named


def _levels(arrays: list[Any], seen: View) -> tuple[Level, ...]:
    """The levels whose arrays have the axes of the first."""
    first = arrays[0]
    full = seen.size(first.shape)
    levels = []
    for array in arrays:
        size = seen.size(array.shape)
        others = [
            axis
            for axis, (here, there) in enumerate(zip(array.shape, first.shape, strict=False))
            if here != there and axis not in seen.space
        ]
        if array.axes != first.axes or others:
            break
        levels.append(Level(size, shrink(full, size)))
    return tuple(levels)
