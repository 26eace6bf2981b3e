"""Zarr arrays and OME-Zarr images, from folders and from addresses, as sources."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import fsspec
import numpy as np
import zarr
from zarr.errors import ZarrUserWarning

from onebyone.errors import InputError, first_line
from onebyone.scans.sources.arrays import named_axes
from onebyone.scans.sources.axes import SPACE, View, view
from onebyone.scans.sources.files import selected
from onebyone.scans.sources.ome_zarr import OmeImage, ome_image
from onebyone.scans.sources.reader import Reader, native, sample, shrink
from onebyone.scans.sources.source import Level
from onebyone.scans.sources.spacing import in_micrometres, spacing_of

DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")
SAMPLE = 256  # pixels along each axis of the corners that are compared


class ZarrSource(Reader):
    """An array of Zarr 2 or 3, or an image of OME-Zarr 0.4 or 0.5, opened for reading only.

    Raises:
        InputError: there is none, or a package that its address needs is missing.
    """

    OPENED = ("_lock", "_arrays")

    def __init__(self, address: str, select: dict[str, tuple[int, ...]], space: int) -> None:
        self.name, self._address = address, address if "://" in address else Path(address)
        self._reset()
        node, self._inside, image = _found(address)
        self._paths: tuple[str, ...] = image.paths if image else ()
        try:
            arrays = self._opened()
        except Exception as error:  # stores and codecs raise errors of any kind
            raise InputError(f"{address}: a level cannot be read ({first_line(error)})") from error
        first = arrays[0]
        self.dtype = native(address, first.dtype)
        axes = image.axes if image else named_axes(address, first, space)
        if any(len(array.shape) != len(axes) for array in arrays):
            raise InputError(f"{address}: an array of shape {first.shape} has axes {axes}")
        self._view = view(address, axes, first.shape, select, space)
        self.channels = len(self._view.channels)
        self.levels = tuple(_levels(arrays, self._view, image))
        if image and image.scales[0]:
            found = {
                letter: in_micrometres(image.scales[0][axis], image.units[axis])
                for letter, axis in zip(SPACE[-space:], self._view.space, strict=True)
            }
            self.spacing = spacing_of(found, SPACE[-space:])
        last = len(self.levels) - 1  # the coarsest, which tells most of the image
        self.identity = {
            "metadata": _digest(json.dumps(node.metadata.to_dict(), sort_keys=True, default=str)),
            **_remote(address),
            "sha256": sample(self, last, [min(SAMPLE, n) for n in self.levels[last].size]),
            "reader": f"zarr {version('zarr')}",
            **selected(select, space),
        }

    def _read(self, level: int, start: tuple[int, ...], size: tuple[int, ...], /) -> np.ndarray:
        return self._view.read(self._opened()[level].__getitem__, start, size)

    def _reset(self) -> None:
        self._lock: Lock = Lock()
        self._arrays: list[Any] = []

    def _opened(self) -> list[Any]:
        with self._lock:
            if not self._arrays:
                node: Any = zarr.open(self._address, mode="r")
                if self._inside:
                    node = node[self._inside]
                self._arrays = [node[path] for path in self._paths] or [node]
            return self._arrays


def _found(address: str) -> tuple[Any, str, OmeImage | None]:
    """What lies at an address, the image's path within it, and what OME says of it.

    Raises:
        InputError: nothing does, or no image.
    """
    try:
        node: Any = zarr.open(address, mode="r")
    except ImportError as error:
        raise InputError(
            f"{address}: needs a package for its address ({first_line(error)})"
        ) from error
    except Exception as error:  # of stores: no such folder, no access, no such protocol …
        hint = "; other images must be downloaded first" if "://" in address else ""
        raise InputError(
            f"{address}: holds no Zarr that can be opened{hint} ({first_line(error)})"
        ) from error
    if isinstance(node, zarr.Array):
        return node, "", None
    attributes = node.attrs.asdict()
    told = attributes.get("ome")
    ome = told if isinstance(told, Mapping) else attributes
    if "plate" in ome:
        raise InputError(f"{address}: is a plate of many images; add the path of one: /A/1/0")
    first = node.get("0") if "bioformats2raw.layout" in ome else None
    inside, group = ("0", first) if isinstance(first, zarr.Group) else ("", node)
    image = ome_image(address, group.attrs.asdict())
    if image is None:
        raise InputError(
            f"{address}: is a group without an OME-Zarr image; add the path of one of its arrays"
            f"{_arrays_of(group)}"
        )
    return group, inside, image


def _arrays_of(group: zarr.Group) -> str:
    """The names of a group's arrays, for a message; nothing where they cannot be listed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ZarrUserWarning)  # of what else lies in the folder
            names = sorted(group.array_keys())
    except Exception:  # web servers list nothing, and say so in many ways
        return ""
    return f": {', '.join(names)}" if names else ", if it has any"


def _levels(arrays: list[Any], seen: View, image: OmeImage | None) -> list[Level]:
    """Sizes of the levels, and how much coarser each is: as OME says, where its sizes agree."""
    full = seen.size(arrays[0].shape)
    scales = image.scales if image else ()
    levels = []
    for number, array in enumerate(arrays):
        size = seen.size(array.shape)
        factors = shrink(full, size)
        if scales and scales[0] and scales[number]:
            told = tuple(scales[number][axis] / scales[0][axis] for axis in seen.space)
            agree = (
                abs(n * factor - whole) < 2 * factor
                for n, factor, whole in zip(size, told, full, strict=True)
            )
            factors = told if all(agree) else factors
        levels.append(Level(size, factors))
    return levels


def _remote(address: str) -> dict[str, str | int | float]:
    """What the place of an address says of the image's metadata: a tag, or its size."""
    if "://" not in address:
        return {}
    system, path = fsspec.core.url_to_fs(address)
    for document in DOCUMENTS:
        try:
            info = system.info(f"{path.rstrip('/')}/{document}")
        except OSError:
            continue
        tag = info.get("ETag") or info.get("LastModified") or info.get("created")
        return {"tag": str(tag or ""), "bytes": int(info.get("size") or 0)}
    return {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
