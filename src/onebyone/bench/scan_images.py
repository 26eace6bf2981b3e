"""Images in files for the benchmark of scans: stained tissue, warped, with noise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from onebyone.demos.scan_images import load

TILE = 256
_CHUNK = 512
_NOISE = 6.0
"""Standard deviation of the noise, of 255; without noise JPEG and Zarr would be small and quick."""
_LEVELS = 3


def write_image(kind: str, path: Path, side: int, channels: int) -> None:
    """Write a square image of one channel or three.

    Args:
        kind: "jpeg", a TIFF of JPEG tiles in three resolutions, or "zarr", compressed chunks.
        path: of the file or the folder.
        side: its pixels along each axis.
        channels: 1, grey, or 3.
    """
    tissue = Tissue(channels)
    if kind == "zarr":
        import zarr

        shape, chunks = (channels, side, side), (channels, _CHUNK, _CHUNK)
        array = zarr.create_array(path, shape=shape, chunks=chunks, dtype="uint8")
        for top in range(0, side, _CHUNK):
            for left in range(0, side, _CHUNK):
                size = min(_CHUNK, side - top), min(_CHUNK, side - left)
                block = tissue.block(top, left, *size)
                array[:, top : top + size[0], left : left + size[1]] = block.transpose(2, 0, 1)
        return
    import tifffile

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for level in range(_LEVELS):
            smaller = side >> level
            options: dict[str, Any] = {
                "shape": (smaller, smaller, 3) if channels == 3 else (smaller, smaller),
                "dtype": "uint8", "photometric": "rgb" if channels == 3 else "minisblack",
            }  # fmt: skip
            file.write(
                tissue.tiles(smaller, 1 << level), tile=(TILE, TILE), compression="jpeg",
                subfiletype=int(level > 0), metadata=None, **options,
            )  # fmt: skip


class Tissue:
    """Stained tissue of any size, the same at each place whatever is asked for around it."""

    def __init__(self, channels: int) -> None:
        picture = load("immunohistochemistry")
        if channels == 1:
            picture = picture.mean(axis=2, keepdims=True).round().astype(np.uint8)
        self._picture = picture
        noise = np.random.default_rng(0).normal(0, _NOISE, (TILE, TILE, channels))
        self._noise = noise.round().astype(np.int16)

    def block(self, top: int, left: int, height: int, width: int, step: int = 1) -> np.ndarray:
        """Pixels [height, width, C] of one resolution, of which every `step`-th is taken."""
        rows = np.arange(top, top + height)[:, None]
        columns = np.arange(left, left + width)
        y, x = rows * step, columns * step
        down = y + 12 * np.sin(x / 61) + 7 * np.sin(y / 173)
        across = x + 12 * np.sin(y / 53) + 7 * np.sin(x / 197)
        sides = self._picture.shape[:2]
        places = (_folded(where, n) for where, n in zip((down, across), sides, strict=True))
        noise = self._noise[rows % TILE, (columns + rows // TILE * 37) % TILE]
        found: np.ndarray = np.clip(self._picture[tuple(places)] + noise, 0, 255)
        return found.astype(np.uint8)

    def tiles(self, side: int, step: int) -> Iterator[np.ndarray]:
        """The tiles of a square, row by row, as TIFF has them."""
        for top in range(0, side, TILE):
            for left in range(0, side, TILE):
                tile = self.block(top, left, TILE, TILE, step)
                yield tile if tile.shape[2] == 3 else tile[:, :, 0]


def _folded(where: np.ndarray, n: int) -> np.ndarray:
    """Places along an axis of n pixels that goes to and fro."""
    rest = where.astype(np.int64) % (2 * n)
    return np.minimum(rest, 2 * n - 1 - rest)
