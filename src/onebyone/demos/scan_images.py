"""Two images of scikit-image's in the formats of large images: a slide as TIFF, a photo as Zarr."""

from pathlib import Path
from typing import Any

import numpy as np

from onebyone.errors import InputError

EXTRA = "pip install 'onebyone[demo-scan]'"
_LEVELS = 3
_TILE = 256


def load(name: str) -> np.ndarray:
    """One of scikit-image's pictures [H, W, 3]."""
    try:
        from skimage import data
    except ImportError as error:
        raise InputError(f"scikit-image is not installed: {EXTRA}") from error
    picture: np.ndarray = getattr(data, name)()
    return picture


def mirrored(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture [H, W, C] laid out to a square, every second copy mirrored so that edges meet."""
    rows, columns = (np.pad(np.arange(n), (0, side - n), "symmetric") for n in picture.shape[:2])
    return picture[rows][:, columns]


def write_slide(path: Path, picture: np.ndarray) -> None:
    """Write a picture [H, W, 3] as slides are: JPEG tiles in a TIFF of several resolutions."""
    import tifffile

    options: dict[str, Any] = {"tile": (_TILE, _TILE), "photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, level in enumerate(_levels(picture)):
            file.write(level, subfiletype=int(number > 0), compression="jpeg", **options)


def write_ome_zarr(path: Path, picture: np.ndarray) -> None:
    """Write a picture [H, W, 3] as OME-Zarr 0.5 of several resolutions."""
    import zarr

    group = zarr.open_group(path, mode="w")
    datasets: list[Any] = []
    for number, level in enumerate(_levels(picture)):
        pixels = np.ascontiguousarray(level.transpose(2, 0, 1))
        group.create_array(
            str(number), data=pixels, chunks=(3, _TILE, _TILE), dimension_names=("c", "y", "x")
        )
        scale = {"type": "scale", "scale": [1.0, 2.0**number, 2.0**number]}
        datasets.append({"path": str(number), "coordinateTransformations": [scale]})
    axes: list[Any] = [
        {"name": "c", "type": "channel"},
        *({"name": n, "type": "space"} for n in "yx"),
    ]
    images: list[Any] = [{"name": path.stem, "axes": axes, "datasets": datasets}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": images}


def _levels(picture: np.ndarray) -> list[np.ndarray]:
    """A picture and smaller ones, each half as large as the one before."""
    found = [picture]
    while len(found) < _LEVELS:
        height, width = (n // 2 * 2 for n in found[-1].shape[:2])
        parts = found[-1][:height, :width].reshape(height // 2, 2, width // 2, 2, -1)
        found.append(parts.mean(axis=(1, 3)).round().astype(picture.dtype))
    return found
