"""Reading an image file as an array of channels."""

import warnings
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import Num
from PIL import Image, ImageOps

from onebyone.errors import InputError

ARRAYS = (".npy", ".npz")
# Pillow's modes that already hold what we want, one array element per channel.
PLAIN_MODES = ("L", "RGB", "I", "F", "I;16", "I;16B", "I;16L")
ALPHA_MODES = ("LA", "La", "PA", "RGBA", "RGBa")


def read_image(path: str | Path) -> Num[np.ndarray, "C H W"]:
    """Read an image, or an array of numbers, as channels × height × width.

    Pillow's formats give uint8 (16-bit grey: uint16) turned upright by their EXIF tag; `.npy` and
    `.npz` arrays [C, H, W] or [H, W] keep their type. An alpha channel is left out, with a warning.

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
            loaded = np.load(file, allow_pickle=False)
            is_archive = isinstance(loaded, np.lib.npyio.NpzFile)
            arrays = {name: loaded[name] for name in loaded} if is_archive else {"image": loaded}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a readable NumPy file ({error})") from error
    array = _only_array(path, arrays)
    if array.dtype.kind not in "fiu":
        raise InputError(f"{path}: pixels must be numbers, not {array.dtype}")
    if array.ndim not in (2, 3):
        raise InputError(f"{path}: shape {array.shape} is no image; give [C, H, W] or [H, W]")
    return array if array.ndim == 3 else array[None]


def _only_array(path: Path, arrays: dict[str, np.ndarray]) -> np.ndarray:
    if "image" in arrays:
        return arrays["image"]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    names = ", ".join(arrays) or "none"
    raise InputError(f"{path}: holds {len(arrays)} arrays ({names}); name the image's 'image'")


def _read_picture(path: Path) -> Num[np.ndarray, "C H W"]:
    try:
        with Image.open(path) as opened:
            if opened.mode in ("RGB", "RGBA") and ";16" in str(opened.tile):
                warnings.warn(f"{path}: its 16-bit colours are read at 8 bits", stacklevel=3)
            array = np.asarray(_plain(path, ImageOps.exif_transpose(opened)))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = str(error).replace(f" {str(path)!r}", "")
        raise InputError(f"{path}: not a readable image ({reason})") from error
    return array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _plain(path: Path, image: Image.Image) -> Image.Image:
    if image.mode in PLAIN_MODES:
        return image
    if image.mode in ALPHA_MODES or "transparency" in image.info:
        warnings.warn(f"{path}: its alpha channel is left out", stacklevel=4)
    return image.convert("L" if image.mode in ("1", "LA", "La") else "RGB")
