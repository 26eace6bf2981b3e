"""Labelled images from every source, and one line for what is wrong with them."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from onebyone import nin
from onebyone.errors import InputError

COUNT = 30


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def idx(array: np.ndarray) -> bytes:
    """The bytes of an IDX file, as LeCun's page describes the format."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder: Path, rng: np.random.Generator, zipped: bool, labels: int = 10) -> dict:
    written = {}
    for part in ("train", "t10k"):
        arrays = {
            "images-idx3": rng.integers(0, 256, (COUNT, 28, 28), dtype=np.uint8),
            "labels-idx1": rng.integers(0, labels, COUNT, dtype=np.uint8),
        }
        for kind, array in arrays.items():
            content = gzip.compress(idx(array)) if zipped else idx(array)
            suffix = ".gz" if zipped else ""
            (folder / f"{part}-{kind}-ubyte{suffix}").write_bytes(content)
        written[part] = list(arrays.values())
    return written


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files(tmp_path: Path, rng: np.random.Generator, zipped: bool) -> None:
    written = write_idx(tmp_path, rng, zipped)
    for data, part in zip(nin.read_dataset(tmp_path), ("train", "t10k"), strict=True):
        images, labels = written[part]
        assert data.size == (1, 28, 28)
        assert (data.images[:, 0].numpy() * 255).round().astype(
            np.uint8
        ).tolist() == images.tolist()
        assert data.labels.tolist() == labels.tolist()
        assert data.classes == tuple("0123456789")


def test_folder_with_a_folder_for_each_class(tmp_path: Path, rng: np.random.Generator) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(10):
            pixels = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
            pixels[0, 0] = 255 if name == "dog" else 0
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    train, held_out = nin.read_dataset(tmp_path)
    assert train.classes == ("cat", "dog")
    assert (len(train.labels), len(held_out.labels)) == (16, 4)
    assert train.size == (3, 6, 5)
    for part in (train, held_out):
        assert part.images[:, 0, 0, 0].long().tolist() == part.labels.tolist()


def test_folder_with_train_and_test(tmp_path: Path) -> None:
    for part, count in (("train", 3), ("test", 2)):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                Image.new("L", (4, 4), 51).save(tmp_path / part / name / f"{number}.png")
    train, held_out = nin.read_dataset(tmp_path)
    assert (len(train.labels), len(held_out.labels)) == (6, 4)
    assert train.images.unique().tolist() == [pytest.approx(0.2)]


def test_arrays(tmp_path: Path, rng: np.random.Generator) -> None:
    images = rng.random((20, 2, 4, 4), dtype=np.float32)
    labels = np.arange(20) % 2
    path = tmp_path / "set.npz"
    np.savez(path, images=images, labels=labels, classes=["x", "y"])
    train, held_out = nin.read_dataset(path)
    assert train.classes == ("x", "y")
    assert (len(train.labels), len(held_out.labels)) == (16, 4)
    np.savez(path, images=images, labels=labels, test_images=images[:5], test_labels=labels[:5])
    train, held_out = nin.read_dataset(path)
    assert torch.equal(train.images, torch.from_numpy(images))
    assert held_out.labels.tolist() == [0, 1, 0, 1, 0]


def test_digits_and_faces_of_installed_packages() -> None:
    digits, faces = nin.mnist_digits(), nin.face_patches()
    assert digits.images.shape == (5000, 1, 28, 28)
    assert torch.bincount(digits.labels).tolist() == [500] * 10
    assert faces.images.shape == (200, 1, 25, 25)
    assert faces.labels.sum() == 100
    for data in (digits, faces):
        assert (data.images.min(), data.images.max()) == (0, 1)


def test_held_out_is_a_share_of_each_class_and_shares_nothing() -> None:
    images = np.arange(100, dtype=np.float32).reshape(100, 1, 1, 1)
    data = nin.labelled(images, np.arange(100) % 4)
    train, held_out = nin.hold_out(data, 0.2, seed=1)
    assert torch.bincount(held_out.labels).tolist() == [5] * 4
    numbers = torch.cat([train.images, held_out.images]).flatten()
    assert sorted(numbers.tolist()) == list(range(100))
    assert (held_out.images.flatten().long() % 4).tolist() == held_out.labels.tolist()


def damaged_archive(folder: Path) -> None:
    np.savez(folder / "set.npz", images=np.zeros((2, 4, 4)), labels=np.zeros(2, int))
    content = (folder / "set.npz").read_bytes()
    (folder / "set.npz").write_bytes(content[: len(content) // 2])


def arrays(**changed: np.ndarray):
    given = {"images": np.zeros((4, 1, 5, 5), np.uint8), "labels": np.arange(4), **changed}

    def write(folder: Path) -> None:
        kept = {name: array for name, array in given.items() if array is not None}
        np.savez(folder / "set.npz", **kept)

    return write


BAD_ARCHIVES = {
    "damaged": (damaged_archive, "not a readable NumPy archive"),
    "no labels": (arrays(labels=None), r"holds images; labels missing"),
    "axes": (arrays(images=np.zeros((4, 5))), r"shape \(4, 5\): give \[n, C, H, W\]"),
    "counts": (arrays(labels=np.arange(3)), r"4 images but labels of shape \(3,\)"),
    "kinds": (arrays(labels=np.ones(4)), "labels are float64: give whole numbers"),
    "pixels": (arrays(images=np.zeros((4, 1, 5, 5), int)), "images are int64: give uint8"),
    "negative": (arrays(labels=np.array([0, 1, -2, 1])), "label -2 of image 2 is out of range"),
    "names": (arrays(classes=np.array(["a", "b"])), "label 2 of image 2 .* 2 classes, 0 to 1"),
    "nan": (arrays(images=np.full((4, 1, 5, 5), np.nan)), "image 0 holds NaN or infinity"),
    "sizes": (
        arrays(test_images=np.zeros((1, 1, 6, 6), np.uint8), test_labels=np.zeros(1, int)),
        "test images are 1×6×6, training images 1×5×5",
    ),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_bad_archives_are_refused_in_one_line(case: str, tmp_path: Path) -> None:
    write, message = BAD_ARCHIVES[case]
    write(tmp_path)
    refuses(tmp_path / "set.npz", message)


def refuses(source: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        nin.read_dataset(source)
    assert "\n" not in str(caught.value)
    assert str(source) in str(caught.value)


LABELS = "train-labels-idx1-ubyte"
IMAGES = "train-images-idx3-ubyte"


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (IMAGES, lambda content: content[:-5], "damaged; its header says 30×28×28 values, it"),
        (IMAGES, lambda content: content[:9], "no IDX file of bytes with 3 axes"),
        (IMAGES, lambda content: b"PNG" + content, "no IDX file of bytes with 3 axes"),
        (LABELS, lambda content: content[:-1] + b"\x0b", "label 11 of image 29 is out of range"),
        (LABELS, lambda _: idx(np.zeros(29, np.uint8)), r"30 images but labels of shape \(29,\)"),
    ],
)
def test_damaged_idx_files(name, change, message, tmp_path: Path, rng) -> None:
    write_idx(tmp_path, rng, zipped=False)
    path = tmp_path / name
    path.write_bytes(change(path.read_bytes()))
    refuses(tmp_path, message)


def test_damaged_and_missing_zipped_idx_files(tmp_path: Path, rng) -> None:
    write_idx(tmp_path, rng, zipped=True)
    path = tmp_path / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-200])
    refuses(tmp_path, "cannot be read")
    path.unlink()
    refuses(tmp_path, r"has no train-images\?idx3-ubyte\*")


def test_bad_folders(tmp_path: Path) -> None:
    refuses(tmp_path, "has no images in a folder for each class")
    refuses(tmp_path / "absent", "no such folder or file")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"0.png: not a readable image"):
        nin.read_dataset(tmp_path)
    Image.new("I;16", (4, 4), 700).save(tmp_path / "a" / "0.png")
    with pytest.raises(InputError, match=r"0.png: its pixels are of Pillow's kind I;16: give 8"):
        nin.read_dataset(tmp_path)
    Image.new("L", (4, 4)).save(tmp_path / "a" / "0.png")
    Image.new("L", (4, 5)).save(tmp_path / "a" / "1.png")
    with pytest.raises(InputError, match=r"1.png: is 1×5×4, the others 1×4×4"):
        nin.read_dataset(tmp_path)


def test_test_folder_with_other_classes(tmp_path: Path) -> None:
    for place in ("train/a", "train/b", "test/a"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("L", (4, 4)).save(tmp_path / place / "0.png")
    with pytest.raises(InputError, match="classes a, not a, b"):
        nin.read_dataset(tmp_path)


def test_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "set.csv").write_text("1,2")
    refuses(tmp_path / "set.csv", "give a folder or an .npz file")
