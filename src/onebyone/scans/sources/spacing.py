"""Micrometres from one pixel to the next, from what files say."""

from collections.abc import Mapping
from math import isfinite
from typing import Any
from xml.etree import ElementTree

MICROMETRES = {
    "angstrom": 1e-4, "å": 1e-4, "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "\\u00b5m": 1.0,
    "micrometer": 1.0, "micrometre": 1.0, "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "cm": 1e4, "centimeter": 1e4, "centimetre": 1e4, "in": 25400.0, "inch": 25400.0,
    "m": 1e6, "meter": 1e6, "metre": 1e6,
}  # fmt: skip
"""One of each unit, in micrometres."""
PER_UNIT = {2: 25400.0, 3: 1e4}  # TIFF's resolution units: inch, centimetre
# Programs write the resolution of a screen or a printer where they know none: 72 to 600 pixels per
# inch are 42 micrometres and more. Microscopes are finer.
LEAST, MOST = 0.01, 25.0


def in_micrometres(size: float, unit: str | None) -> float | None:
    """A length in micrometres; None where its unit is not known or it is none."""
    factor = MICROMETRES.get(unit.strip().lower()) if unit else None
    return size * factor if factor and isfinite(size) and size > 0 else None


def spacing_of(
    found: Mapping[str, float | None], axes: tuple[str, ...]
) -> tuple[float, ...] | None:
    """The spacing along axes of space; None where it is not known along all of them."""
    sizes = [found.get(axis) for axis in axes]
    known = [size for size in sizes if size is not None]
    return tuple(known) if len(known) == len(sizes) else None


def ome_spacing(text: str) -> dict[str, float | None]:
    """Micrometres along X, Y and Z of the first image of an OME description."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return {}
    pixels = root.find(".//{*}Pixels")
    if pixels is None:
        return {}
    found = {}
    for axis in "XYZ":
        try:
            size = float(pixels.get(f"PhysicalSize{axis}", "nan"))
        except ValueError:
            continue
        found[axis] = in_micrometres(size, pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    return found


def tiff_spacing(tags: Any) -> dict[str, float | None]:
    """Micrometres along X and Y from a page's resolution tags, where they are a microscope's."""
    unit = PER_UNIT.get(int(tags.valueof("ResolutionUnit", 1)))
    found: dict[str, float | None] = {}
    for axis in "XY":
        pixels, units = tags.valueof(f"{axis}Resolution", (0, 0))
        if unit and pixels and units:
            size = unit * units / pixels
            found[axis] = size if LEAST <= size <= MOST else None
    return found
