"""GeoTIFF and all else that GDAL opens, as sources with their place on the Earth."""

import warnings
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from onebyone.errors import InputError, first_line
from onebyone.scans.sources.axes import view
from onebyone.scans.sources.files import identity, selected
from onebyone.scans.sources.reader import Reader, native, shrink
from onebyone.scans.sources.source import Georeference, Level
from onebyone.scans.sources.tiff_structure import check_tiff, is_tiff

_quiet = Lock()


class GeoSource(Reader):
    """A scene that GDAL opens: its bands in the order of the file, its overviews as levels.

    Each thread has a handle of its own for each level, as GDAL wants it.

    Raises:
        InputError: GDAL cannot open it, or it is truncated.
    """

    OPENED = ("_handles",)

    def __init__(self, path: Path, select: dict[str, tuple[int, ...]], space: int) -> None:
        self.name, self._path = str(path), path
        if space != 2:
            raise InputError(f"{path}: a scene has two axes of space, not {space}")
        if is_tiff(path):
            check_tiff(path)
        self._reset()
        try:
            self._inspect(_open(path), select)
        except (InputError, MemoryError, UserWarning):
            raise
        except Exception as error:  # GDAL's own, and those of rasterio
            reason = first_line(error).replace(f"{str(path)!r} ", "")
            raise InputError(f"{path}: holds no image that is read ({reason})") from error
        version = f"rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}"
        self.identity = identity(path, version) | selected(select, space)

    def _inspect(self, scene: Any, select: dict[str, tuple[int, ...]]) -> None:
        with scene:
            if scene.count == 0:
                inside = "; ".join(scene.subdatasets[:3])
                raise InputError(f"{self.name}: has no bands of its own; it holds {inside}")
            if len(set(scene.dtypes)) > 1:
                raise InputError(f"{self.name}: its bands are of different types: {scene.dtypes}")
            self.dtype = native(self.name, scene.dtypes[0])
            shape = (scene.count, scene.height, scene.width)
            self._view = view(self.name, "CYX", shape, self._chosen(select, scene), 2)
            self.channels = len(self._view.channels)
            self.nodata = None if scene.nodata is None else float(scene.nodata)
            known = scene.crs is not None and not scene.transform.is_identity
            self.place = (
                Georeference(scene.crs.to_wkt(), tuple(scene.transform)[:6]) if known else None
            )
            count = len(scene.overviews(1))
        sizes = [shape[1:]]
        for number in range(count):
            with _open(self._path, overview_level=number) as coarse:
                sizes.append((coarse.height, coarse.width))
        self.levels = tuple(Level(size, shrink(sizes[0], size)) for size in sizes)

    def _chosen(self, select: dict[str, tuple[int, ...]], scene: Any) -> dict[str, tuple[int, ...]]:
        """What is selected; all bands but an alpha channel where none are."""
        colours = [band for band, kind in enumerate(scene.colorinterp) if kind != ColorInterp.alpha]
        if any(axis.upper() == "C" for axis in select) or len(colours) in (0, scene.count):
            return select
        warnings.warn(f"{self.name}: its alpha channel is left out", stacklevel=6)
        return select | {"C": tuple(colours)}

    def _read(self, level: int, start: tuple[int, ...], size: tuple[int, ...], /) -> np.ndarray:
        bands = [channel + 1 for channel in self._view.channels]
        window = Window(start[1], start[0], size[1], size[0])
        try:
            pixels: np.ndarray = self._opened(level).read(bands, window=window)
        except Exception:
            self._reset()
            raise
        return pixels

    def _reset(self) -> None:
        # Handles close as they are forgotten, each when the thread that reads it is done with it.
        self._handles = local()

    def _opened(self, level: int) -> Any:
        """The handle of this thread for a level."""
        opened: dict[int, Any] | None = getattr(self._handles, "opened", None)
        if opened is None:
            opened = self._handles.opened = {}
        if level not in opened:
            more = {"overview_level": level - 1} if level else {}
            opened[level] = _open(self._path, **more)
        return opened[level]


def _open(path: Path, **options: int) -> Any:
    """Open a scene, without what rasterio says of one that has no place on the Earth."""
    with _quiet, warnings.catch_warnings():  # which are the whole process's
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(path, **options)
