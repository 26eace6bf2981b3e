"""Reading images: every kind of pixel, and every kind of bad file."""

import numpy as np
import pytest
from PIL import Image

from onebyone.errors import InputError
from onebyone.images import read_image

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
