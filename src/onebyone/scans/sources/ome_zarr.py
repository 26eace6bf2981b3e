"""What the metadata of OME-Zarr says of an image: 0.4 and 0.5, and earlier where it is the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onebyone.errors import InputError

OLD_AXES = ("t", "c", "z", "y", "x")  # those of versions that do not name them


@dataclass(frozen=True)
class OmeImage:
    """An image of several levels.

    Attributes:
        paths: of the levels' arrays, the finest first.
        axes: their names.
        units: of each axis, None where none is given.
        scales: of each level, one of its pixels along each axis, in units; () where none is given.
    """

    paths: tuple[str, ...]
    axes: tuple[str, ...]
    units: tuple[str | None, ...]
    scales: tuple[tuple[float, ...], ...]


def ome_image(name: str, attributes: Mapping[str, Any]) -> OmeImage | None:
    """The image that a group's attributes describe; None where they describe none.

    Raises:
        InputError: they are not those of OME-Zarr.
    """
    told = attributes.get("ome", attributes)
    multiscales = told.get("multiscales") if isinstance(told, Mapping) else None
    if not multiscales:
        return None
    try:
        first = multiscales[0]
        axes = first.get("axes") or [{"name": axis} for axis in OLD_AXES]
        axes = [{"name": axis} if isinstance(axis, str) else axis for axis in axes]
        levels = first["datasets"]
        levels[0]  # there is one
        return OmeImage(
            paths=tuple(str(level["path"]) for level in levels),
            axes=tuple(str(axis["name"]) for axis in axes),
            units=tuple(axis.get("unit") for axis in axes),
            scales=tuple(_scale(level, first, len(axes)) for level in levels),
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"{name}: its OME metadata is damaged ({error!r})") from error


def _scale(level: Mapping[str, Any], image: Mapping[str, Any], axes: int) -> tuple[float, ...]:
    """One pixel of a level along each axis, in units: the level's scale times the image's."""
    scale, given = [1.0] * axes, False
    for steps in (level, image):
        for step in steps.get("coordinateTransformations", ()):
            if step["type"] == "scale":
                given = True
                scale = [a * float(b) for a, b in zip(scale, step["scale"], strict=True)]
    return tuple(scale) if given and min(scale) > 0 else ()
