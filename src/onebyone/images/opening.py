"""Reading an image file as an array of channels."""

import struct
import warnings
import zipfile
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Num
from PIL import Image, ImageOps

from onebyone.errors import InputError

ARRAYS = (".npy", ".npz")
# Copy on write: the file stays as it is, and PyTorch takes no array that is read-only.
MODE: Literal["c"] = "c"
# Pillow's modes that already hold what we want, one array element per channel.
PLAIN_MODES = ("L", "RGB", "I", "F", "I;16", "I;16B", "I;16L")
# Of a damaged file Pillow and NumPy raise errors of any kind; these say what they say.
PASSED = (InputError, MemoryError)
STRIP = 2**22  # pixels that are copied out of Pillow's memory at a time
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


def read_image(path: str | Path) -> Num[np.ndarray, "C H W"]:
    """Read an image, or an array of numbers, as channels × height × width.

    Pillow's formats give uint8 (16-bit grey: uint16) turned upright by their EXIF tag; `.npy` and
    `.npz` arrays [C, H, W] or [H, W] keep their type. An alpha channel is left out, and so is all
    behind the first frame, with a warning. Arrays are mapped (`np.memmap`) where the file holds
    them as they are: uncompressed and, in an `.npz`, aligned.

    Raises:
        InputError: The file is absent, truncated, or holds no image.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    array = _read_array(path) if path.suffix.lower() in ARRAYS else _read_picture(path)
    if array.size == 0:
        raise InputError(f"{path}: the image is empty, its shape is {array.shape}")
    return array


def _read_array(path: Path) -> Num[np.ndarray, "C H W"]:
    try:
        with path.open("rb") as file:
            is_archive = file.read(2) == b"PK"
        if is_archive:
            with zipfile.ZipFile(path) as archive:
                array = _member(path, archive, _only_array(path, archive.namelist()))
        else:
            array = np.lib.format.open_memmap(path, mode=MODE)
    except PASSED:
        raise
    except Exception as error:
        raise InputError(f"{path}: not a readable NumPy file ({error})") from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"{path}: pixels must be numbers, not {array.dtype}")
    if array.ndim not in (2, 3):
        raise InputError(f"{path}: shape {array.shape} is no image; give [C, H, W] or [H, W]")
    array = _native(array)
    return array if array.ndim == 3 else array[None]


def _only_array(path: Path, files: list[str]) -> str:
    if "image.npy" in files:
        return "image.npy"
    if len(files) == 1:
        return files[0]
    names = ", ".join(file.removesuffix(".npy") for file in files) or "none"
    raise InputError(f"{path}: holds {len(files)} arrays ({names}); name the image's 'image'")


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array of an archive, mapped where it lies there as it is, else read."""
    info = archive.getinfo(name)
    mapped = _mapped(path, archive, info)
    with archive.open(info) as member:
        if mapped is None:
            array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
            return array
        while member.read(STRIP):  # to the end, where zipfile compares the checksum
            pass
        return mapped


def _mapped(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray | None:
    """A member as a map of the file; None where it is compressed or its numbers not aligned."""
    with archive.open(info) as member:
        if np.lib.format.read_magic(member) != (1, 0):
            return None  # a header longer than 64 KiB, or of names
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        start = member.tell()
    offset = _content(path, info) + start
    if info.compress_type != zipfile.ZIP_STORED or dtype.hasobject or offset % dtype.alignment:
        return None
    if start + prod(shape) * dtype.itemsize > info.file_size:
        raise ValueError(f"{info.filename} is truncated")
    return np.memmap(path, dtype, MODE, offset, shape, "F" if fortran else "C")


def _content(path: Path, info: zipfile.ZipInfo) -> int:
    """Where in the file the bytes of a member begin: behind a header that repeats its name."""
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return int(info.header_offset + 30 + name + extra)


def _native(array: np.ndarray) -> np.ndarray:
    """Numbers as PyTorch knows them: in the machine's order of bytes, of 64 bits at most."""
    kind = array.dtype if array.dtype.itemsize <= 8 else np.dtype(np.float64)
    if kind.isnative and kind == array.dtype:
        return array
    return np.asarray(array).astype(kind.newbyteorder("="))


def _read_picture(path: Path) -> Num[np.ndarray, "C H W"]:
    try:
        with Image.open(path) as opened:
            _say_what_is_lost(path, opened)
            ImageOps.exif_transpose(opened, in_place=True)
            array = _copied(_plain(opened))
    except PASSED:
        raise
    except Exception as error:
        reason = str(error).replace(f" {str(path)!r}", "")
        raise InputError(f"{path}: not a readable image ({reason})") from error
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _say_what_is_lost(path: Path, image: Image.Image) -> None:
    lost = {
        "its 16-bit colours are read at 8 bits": image.mode in ("RGB", "RGBA")
        and ";16" in str(getattr(image, "tile", "")),
        "its alpha channel is left out": image.mode not in PLAIN_MODES
        and (image.mode in ALPHA_MODES or "transparency" in image.info),
        # Phones keep a second view or a preview behind a photo (MPO); nobody means that one.
        "only the first of its frames is read": image.format != "MPO"
        and getattr(image, "n_frames", 1) > 1,
    }
    for what, is_so in lost.items():
        if is_so:
            warnings.warn(f"{path}: {what}", stacklevel=4)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in PLAIN_MODES:
        return image
    return image.convert("L" if image.mode in ("1", "LA", "La") else "RGB")


def _copied(image: Image.Image) -> Num[np.ndarray, "H W *C"]:
    """Pixels as an array, strip by strip: Pillow's own way makes three copies of all."""
    rows = max(1, STRIP // max(1, image.width))
    strips = (
        np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
        for top in range(0, image.height, rows)
    )
    first = next(strips)
    pixels = np.empty((image.height, *first.shape[1:]), first.dtype.newbyteorder("="))
    pixels[:rows] = first
    for top, strip in zip(range(rows, image.height, rows), strips, strict=True):
        pixels[top : top + rows] = strip
    return pixels
