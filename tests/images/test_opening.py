"""Reading images: every kind of pixel, and every kind of bad file."""

import contextlib
import io
import pickle
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from onebyone.errors import InputError
from onebyone.images import opening, read_image

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)


@pytest.mark.parametrize("pixels", [GREY, DEEP, COLOUR], ids=["grey", "16 bits", "colour"])
def test_pixels_keep_their_values_and_type(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "image.png")
    image = read_image(tmp_path / "image.png")
    expected = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    assert image.dtype == pixels.dtype
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 3), ("LA", 1)])
def test_alpha_is_left_out_and_said_so(tmp_path, mode, channels):
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / "image.png")
    with pytest.warns(UserWarning, match="alpha channel is left out"):
        assert len(read_image(tmp_path / "image.png")) == channels


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("P", 3), ("CMYK", 3)])
def test_other_modes_become_grey_or_colour(tmp_path, mode, channels):
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / "image.tif")
    image = read_image(tmp_path / "image.tif")
    assert image.dtype == np.uint8
    assert image.shape == (channels, 5, 7)


def test_sixteen_bit_colours_are_said_to_lose_bits(tmp_path):
    # Pillow writes no such file: this is a PNG of one row, two pixels, 16-bit RGB.
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    body = zlib.compress(b"\0" + bytes(range(12)))
    path = tmp_path / "deep.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )
    with pytest.warns(UserWarning, match="read at 8 bits"):
        assert read_image(path).shape == (3, 1, 2)


def test_photos_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by a quarter clockwise to look at it
    Image.fromarray(GREY).save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "photo.png")[0], np.rot90(GREY, -1))


@pytest.mark.parametrize("shape", [(5, 7), (4, 5, 7)])
@pytest.mark.parametrize("save", [np.save, np.savez])
def test_arrays_are_channels_first(tmp_path, shape, save):
    array = RNG.normal(size=shape).astype(np.float32)
    path = tmp_path / ("image.npy" if save is np.save else "image.npz")
    save(path, array)
    np.testing.assert_array_equal(read_image(path), array.reshape(-1, 5, 7))


def test_the_array_called_image_is_the_image(tmp_path):
    np.savez(tmp_path / "two.npz", image=GREY, other=DEEP)
    np.testing.assert_array_equal(read_image(tmp_path / "two.npz")[0], GREY)
    np.savez(tmp_path / "none.npz", this=GREY, other=DEEP)
    with pytest.raises(InputError, match="holds 2 arrays"):
        read_image(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(4), "is no image"),
        (np.zeros((2, 3, 4, 5)), "is no image"),
        (np.array([["a", "b"]]), "must be numbers"),
        (np.zeros((0, 4)), "empty"),
        (np.array([[{}]], dtype=object), "not a readable NumPy file"),
    ],
)
def test_arrays_that_are_no_images(tmp_path, array, reason):
    np.save(tmp_path / "image.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=reason):
        read_image(tmp_path / "image.npy")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy", ".npz"])
def test_truncated_files(tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    pixels = RNG.integers(0, 256, (64, 64), dtype=np.uint8)
    if suffix.startswith(".np"):
        (np.save if suffix == ".npy" else np.savez)(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="not a readable") as caught:
        read_image(path)
    assert str(path) in str(caught.value)


def test_files_that_are_absent_folders_or_no_images(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    for path, reason in [
        ("absent.png", "no such file"),
        (".", "not a file"),
        ("text.png", "image"),
    ]:
        with pytest.raises(InputError, match=reason):
            read_image(tmp_path / path)


# Large images: mapped, or held once.


@pytest.mark.parametrize(
    ("save", "array", "is_mapped"),
    [
        ("x.npy", COLOUR, True),
        ("x.npy", COLOUR.astype(">u2"), False),  # PyTorch has the machine's order of bytes only
        ("x.npy", COLOUR.astype(np.longdouble), False),
        ("x.npy", np.asfortranarray(COLOUR), True),
        ("x.npz", COLOUR, True),
        ("x.npz", np.asfortranarray(COLOUR), True),
        ("x.npz", COLOUR.astype(np.float32), False),  # NumPy aligns nothing in an archive
        ("packed.npz", COLOUR, False),
    ],
)
def test_arrays_are_mapped_where_the_file_holds_them_as_they_are(tmp_path, save, array, is_mapped):
    {"x.npy": np.save, "x.npz": np.savez, "packed.npz": np.savez_compressed}[save](
        tmp_path / save, array
    )
    before = (tmp_path / save).read_bytes()
    image = read_image(tmp_path / save)
    np.testing.assert_array_equal(image, array.astype(image.dtype))
    assert isinstance(image, np.memmap) == is_mapped
    assert torch.from_numpy(image).shape == array.shape
    image[:] = 7
    assert (tmp_path / save).read_bytes() == before


def test_a_mapped_array_is_held_against_the_archives_checksum(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, image=COLOUR)
    content = bytearray(path.read_bytes())
    content[content.index(COLOUR.tobytes()) + 50] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="CRC"):
        read_image(path)


def test_a_header_that_claims_more_than_the_member_has_is_refused(tmp_path):
    header = io.BytesIO()
    form = {"descr": "|u1", "fortran_order": False, "shape": (3, 5, 700)}
    np.lib.format.write_array_header_1_0(header, form)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("image.npy", header.getvalue() + bytes(105))
        archive.writestr("other.npy", bytes(100_000))
    with pytest.raises(InputError, match="truncated"):
        read_image(tmp_path / "x.npz")


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16", "1"])
def test_pictures_are_copied_strip_by_strip(tmp_path, monkeypatch, mode):
    monkeypatch.setattr(opening, "STRIP", 15)  # two rows of seven pixels, and one
    picture = Image.fromarray(DEEP) if mode == "I;16" else Image.fromarray(COLOUR).convert(mode)
    picture.save(tmp_path / "x.png")
    whole = np.asarray(picture.convert("L") if mode == "1" else picture)
    expected = whole[None] if whole.ndim == 2 else whole.transpose(2, 0, 1)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), expected)


def test_only_the_first_frame_is_read_and_said_so(tmp_path):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    for name in ("x.gif", "x.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        with pytest.warns(UserWarning, match="only the first of its frames is read"):
            assert read_image(tmp_path / name).shape[1:] == (5, 7)


def test_pickles_are_refused_whatever_their_suffix(tmp_path):
    for content in (pickle.dumps(GREY), b"PK", b"", b"\x93NUMPY"):
        (tmp_path / "x.npy").write_bytes(content)
        with pytest.raises(InputError, match="not a readable NumPy file"):
            read_image(tmp_path / "x.npy")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".gif", ".npy", ".npz"])
def test_damaged_files_are_read_or_refused(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    if suffix.startswith(".np"):
        (np.save if suffix == ".npy" else np.savez)(path, COLOUR)
    else:
        Image.fromarray(COLOUR).save(path)
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    for _ in range(200):
        damaged = np.frombuffer(whole, np.uint8)[: rng.integers(1, 2 * len(whole))].copy()
        places = rng.integers(0, min(len(damaged), rng.choice([100, 10**6])), rng.integers(1, 9))
        damaged[places] = rng.integers(0, 256, len(places))
        path.write_bytes(damaged.tobytes())
        with contextlib.suppress(InputError):
            assert read_image(path).ndim == 3
