"""Opening an image of any kind as a source: the one place that tells the kinds apart."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from onebyone.errors import InputError
from onebyone.scans.sources.arrays import array_source, file_source
from onebyone.scans.sources.files import check_file, is_folder
from onebyone.scans.sources.pictures import picture_source
from onebyone.scans.sources.selecting import Select, check_select
from onebyone.scans.sources.source import Source
from onebyone.scans.sources.tiff_structure import GEOKEYS, check_tiff, is_tiff

ARRAYS = (".npy", ".npz")
# Slides that nothing else reads, or reads right: OpenSlide's formats but for plain TIFF.
SLIDES = (".svs", ".svslide", ".ndpi", ".mrxs", ".scn", ".vms", ".vmu", ".bif", ".czi", ".dcm")
# Pillow reads JPEG 2000 too, but whole and without its place on the Earth.
GEO_FIRST = ("JPEG2000",)
ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")

_Chosen = dict[str, tuple[int, ...]]


def open_source(image: Any, select: Select | None = None, space: int = 2) -> Source:
    """Open an image for reading piece by piece.

    Args:
        image: a path or an address (s3://…, https://…), or an array: anything with shape, dtype and
            slicing. Folders and addresses are those of Zarr arrays or OME-Zarr images.
        select: places along axes, from 0: {"C": [0, 2], "Z": 5}. All channels without it; any
            other axis with more than one place must be chosen from.
        space: how many axes are space: 1 for signals [C, N], 2 for pictures [C, H, W], 3 for
            volumes [C, D, H, W].

    Raises:
        InputError: it cannot be opened; what it holds is no image of that many axes; what is
            selected does not exist; or a package is missing, whose extra the message names.
    """
    if space not in (1, 2, 3):
        raise InputError("give 1 for signals, 2 for pictures or 3 for volumes", space=space)
    chosen = check_select(select)
    if not isinstance(image, (str, Path)):
        if not all(hasattr(image, name) for name in ("shape", "dtype", "__getitem__")):
            raise InputError(
                f"image: give a path, an address or an array, not {type(image).__name__}"
            )
        return array_source(image, chosen, space)
    if "://" in str(image):
        return _zarr(str(image), chosen, space)
    path = Path(image)
    if is_folder(path):
        if not any((path / name).exists() for name in ZARR_FILES):
            raise InputError(f"{path}: the folder holds no Zarr array or OME-Zarr image")
        return _zarr(str(path), chosen, space)
    check_file(path)
    return _file(path, chosen, space)


def _file(path: Path, select: _Chosen, space: int) -> Source:
    suffix = path.suffix.lower()
    if suffix in ARRAYS:
        return file_source(path, select, space)
    if suffix in SLIDES:
        return _slide(path, select, space)
    if is_tiff(path):
        return _tiff(path, select, space)
    kind = _picture(path)
    if kind is not None and not (kind in GEO_FIRST and find_spec("rasterio")):
        return picture_source(path, select, space)
    if _vendor(path) is not None:
        return _slide(path, select, space)
    if find_spec("rasterio") is None:
        raise InputError(
            f"{path}: holds no image that is read without GDAL: pip install 'onebyone[geo]'"
        )
    return _geo(path, select, space)


def _tiff(path: Path, select: _Chosen, space: int) -> Source:
    """A TIFF: a scene with its place on the Earth, a vendor's slide, or any other."""
    if GEOKEYS in check_tiff(path):
        if find_spec("rasterio"):
            return _geo(path, select, space)
        warnings.warn(
            f"{path}: its place on the Earth is lost; to keep it: pip install 'onebyone[geo]'",
            stacklevel=4,
        )
    elif _vendor(path) not in (None, "generic-tiff"):
        return _slide(path, select, space)
    _need("tifffile", path, "TIFF", "scan")
    from onebyone.scans.sources.tiff import TiffSource

    return TiffSource(path, select, space)


def _slide(path: Path, select: _Chosen, space: int) -> Source:
    _need("openslide", path, f"slides ({path.suffix})", "slides")
    from onebyone.scans.sources.slides import SlideSource

    return SlideSource(path, select, space)


def _geo(path: Path, select: _Chosen, space: int) -> Source:
    from onebyone.scans.sources.geo import GeoSource

    return GeoSource(path, select, space)


def _zarr(address: str, select: _Chosen, space: int) -> Source:
    _need("zarr", address, "Zarr", "scan")
    from onebyone.scans.sources.zarrs import ZarrSource

    return ZarrSource(address, select, space)


def _need(package: str, image: str | Path, what: str, extra: str) -> None:
    if find_spec(package) is None:
        raise InputError(f"{image}: {what} needs {package}: pip install 'onebyone[{extra}]'")


def _picture(path: Path) -> str | None:
    """The format that Pillow finds in a file; None where it finds none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says of a picture comes when it is read
            with Image.open(path) as picture:
                return picture.format
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path}: too large to be held whole; save it as a tiled TIFF or Zarr"
        ) from error
    except Exception:
        return None


def _vendor(path: Path) -> str | None:
    """What OpenSlide calls the format of a file; None where it knows none, or is not installed."""
    if find_spec("openslide") is None:
        return None
    from openslide import OpenSlide

    found: str | None = OpenSlide.detect_format(path)
    return found
