"""Arrays as images: NumPy's, mapped files, Zarr's, Dask's and xarray's."""

import mmap
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from onebyone.errors import InputError
from onebyone.images.opening import read_image
from onebyone.scans.sources.axes import NAMES, SPACE, view
from onebyone.scans.sources.files import identity, selected
from onebyone.scans.sources.reader import Reader, native, sample
from onebyone.scans.sources.source import Level

SAMPLE = 4096  # numbers of a signal's beginning and end that are compared


class ArraySource(Reader):
    """Anything with shape, dtype and slicing; it is read where it lies, and not copied.

    Axes are those that the array names (xarray's dims, Zarr's dimension names), and otherwise
    [C, H, W], [H, W, C] of 1, 3 or 4 channels or [H, W] for `space=2`, [C, D, H, W] or [D, H, W]
    for 3, [C, N] or [N] for 1. Arrays of Dask are computed in the thread that reads. It pickles if
    the array does.

    Raises:
        InputError: its pixels are no real numbers, or its axes are not those of an image.
    """

    def __init__(
        self,
        array: Any,
        select: dict[str, tuple[int, ...]],
        space: int,
        name: str | None = None,
        axes: Sequence[str] = (),
    ) -> None:
        shape = tuple(int(n) for n in array.shape)
        self.name = name or f"{type(array).__name__} {shape} {array.dtype}"
        self.dtype = native(self.name, array.dtype)
        self._array = array
        axes = axes or named_axes(self.name, array, space)
        self._view = view(self.name, axes, shape, select, space)
        self.channels = len(self._view.channels)
        self.levels = (Level(self._view.size(shape), (1.0,) * space),)
        size = self.levels[0].size
        rows = 1 if space > 1 else min(SAMPLE, size[0])
        self.identity = {
            "shape": "×".join(map(str, shape)),
            "dtype": str(self.dtype),
            "sha256": sample(self, 0, (rows, *size[1:])),
            "reader": "array",
            **selected(select, space),
        }

    def _read(self, _: int, start: tuple[int, ...], size: tuple[int, ...], /) -> np.ndarray:
        return self._view.read(self._get, start, size)

    def _get(self, where: tuple[slice, ...]) -> Any:
        part = self._array[where]
        # Dask's other schedulers would start threads or processes of their own in each of ours.
        lazy = hasattr(part, "compute")
        return part.compute(scheduler="synchronous") if lazy else part


class MappedSource(ArraySource):
    """An array that maps a file; it pickles as the file's path and maps it again."""

    OPENED = ("_array",)

    def __init__(
        self,
        array: np.memmap[Any, Any],
        select: dict[str, tuple[int, ...]],
        space: int,
        name: str | None = None,
    ) -> None:
        super().__init__(array, select, space, name)
        self._place = (array.filename, array.shape, array.dtype, _offset(array), array.strides)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        path, shape, dtype, offset, strides = self._place
        try:
            mapped = np.memmap(str(path), np.uint8, "r")
            self._array = np.ndarray(shape, dtype, mapped, offset, strides)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{path}: cannot be mapped again ({error})") from error


class DecodedSource(ArraySource):
    """An image that is decoded once and held whole; it pickles as its path.

    Raises:
        InputError: the file is damaged, or holds no image.
    """

    OPENED = ("_array", "_lock")

    def __init__(
        self, path: Path, select: dict[str, tuple[int, ...]], space: int, reader: str
    ) -> None:
        self._lock, self._path = Lock(), path
        super().__init__(read_image(path), select, space, str(path), "CYX")
        self.identity = identity(path, reader) | selected(select, space)

    def _reset(self) -> None:
        self._lock, self._array = Lock(), None

    def _get(self, where: tuple[slice, ...]) -> Any:
        with self._lock:
            if self._array is None:
                self._array = read_image(self._path)
            array = self._array
        return array[where]


def array_source(
    array: Any, select: dict[str, tuple[int, ...]], space: int, name: str | None = None
) -> ArraySource:
    """An array as a source, whatever it is.

    Raises:
        InputError: it is no image.
    """
    mapped = isinstance(array, np.memmap) and _map_of(array) is not None and array.filename
    return (MappedSource if mapped else ArraySource)(array, select, space, name)


def file_source(path: Path, select: dict[str, tuple[int, ...]], space: int) -> ArraySource:
    """A NumPy file: `.npy` files are mapped, of an `.npz` archive the image is.

    Raises:
        InputError: it holds no image.
    """
    reader = f"numpy {np.__version__}"
    if path.suffix.lower() == ".npz":
        return DecodedSource(path, select, space, reader)
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # NumPy raises errors of any kind of a damaged file
        raise InputError(f"{path}: not a readable NumPy file ({error})") from error
    source = array_source(array, select, space, str(path))
    source.identity = identity(path, reader) | selected(select, space)
    return source


def named_axes(name: str, array: Any, space: int) -> Sequence[str]:
    """The names of an array's axes, from itself or from its shape.

    Raises:
        InputError: it names none, and its shape is not that of an image.
    """
    names = getattr(array, "dims", None) or _zarr_names(array)
    shape, wanted = array.shape, SPACE[-space:]
    letters = [NAMES.get(str(name).lower(), name) for name in names or ()]
    if set(letters) & set(SPACE):  # otherwise they are such as dim_0, dim_1
        return tuple(str(axis) for axis in names)
    if len(shape) == space:
        return wanted
    if len(shape) == space + 1:
        last = space == 2 and shape[-1] in (1, 3, 4) and shape[0] > shape[-1]
        return (*wanted, "C") if last else ("C", *wanted)
    given = "[C, D, H, W] or [D, H, W]" if space == 3 else "[C, H, W], [H, W, C] or [H, W]"
    given = "[C, N] or [N]" if space == 1 else given
    raise InputError(f"{name}: shape {tuple(shape)} is no image of {space} axes; give {given}")


def _zarr_names(array: Any) -> Any:
    names = getattr(getattr(array, "metadata", None), "dimension_names", None)
    attributes = getattr(array, "attrs", None)
    if names is None and attributes is not None and "_ARRAY_DIMENSIONS" in attributes:
        return attributes["_ARRAY_DIMENSIONS"]  # what xarray writes to Zarr 2
    return names


def _map_of(array: np.memmap[Any, Any]) -> mmap.mmap | None:
    found: mmap.mmap | None = getattr(array, "_mmap", None)
    return found


def _offset(array: np.memmap[Any, Any]) -> int:
    """Bytes of the file before the first number, also of a part of a map.

    NumPy keeps the offset of the whole map in its parts.
    """
    mapped = np.frombuffer(_map_of(array) or b"", np.uint8)
    begin = array.offset - array.offset % mmap.ALLOCATIONGRANULARITY
    return int(begin + array.ctypes.data - mapped.ctypes.data)
