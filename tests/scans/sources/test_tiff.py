"""TIFF: what is truncated or damaged, what files say of their pixels, and what is left out."""

import os
import struct

import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

from helpers.scan_images import BYTES, CASES, DEEP, PHOTO, VOLUME, first, pyramid
from onebyone.errors import InputError
from onebyone.scans.sources.opening import open_source

KINDS = {
    "strips": {},
    "tiles": {"tile": (64, 64), "compression": "zlib"},
    "BigTIFF": {"tile": (64, 64), "bigtiff": True, "compression": "jpeg"},
    "big-endian": {"rowsperstrip": 20, "byteorder": ">", "compression": "lzw"},
}


def whole(source, level=0):
    size = source.levels[level].size
    return source.read(level, (0,) * len(size), size)


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_file_is_refused_at_every_length(tmp_path, kind):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PHOTO, **KINDS[kind])
    data = path.read_bytes()
    lengths = {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, len(data) - 1, *range(20, len(data), 4001)}
    for length in sorted(lengths):
        path.write_bytes(data[:length])
        with pytest.raises(InputError, match=r"truncated|holds no image|not a readable"):
            open_source(path)


def test_planes_that_one_page_tells_of_may_be_missing(tmp_path):
    path = tmp_path / "a.tif"
    planes = np.zeros((5, 64, 64), np.uint8)
    tifffile.imwrite(path, planes, photometric="minisblack", truncate=True)
    with tifffile.TiffFile(path) as file:
        begin = file.series[0].dataoffset
    os.truncate(path, begin + planes[:4].size)
    with pytest.raises(InputError, match=rf"pixels end at byte {begin + planes.size}, the file is"):
        open_source(path)


def test_a_truncated_pyramid_whose_first_page_is_whole(tmp_path):
    path = tmp_path / "a.tif"
    pyramid(path, PHOTO)
    data = path.read_bytes()
    path.write_bytes(data[:-1000])
    with pytest.raises(InputError, match=r"truncated or damaged \(\d+ of \d+ tiles or strips end"):
        open_source(path)


def test_a_coarser_level_whose_tiles_are_missing(tmp_path):
    path = CASES["pyramid of SubIFDs"](tmp_path).image
    with tifffile.TiffFile(path) as file:
        tag = file.series[0].levels[1].keyframe.tags["TileOffsets"]
    data = bytearray(path.read_bytes())
    data[tag.valueoffset : tag.valueoffset + 8] = struct.pack("<Q", len(data))
    path.write_bytes(data)
    with pytest.raises(InputError, match="1 of 6 tiles or strips end behind"):
        open_source(path, {"Z": 0})


def test_planes_of_imagej_that_only_its_description_tells_of(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DEEP, imagej=True, metadata={"axes": "CYX"})
    data = bytearray(path.read_bytes())
    where = data.index(b"channels=4")
    data[where : where + 10] = b"channels=9"
    where = data.index(b"images=4")
    data[where : where + 8] = b"images=9"
    order = ">" if data[:2] == b"MM" else "<"  # ImageJ writes one directory for huge stacks
    (at,) = struct.unpack(order + "I", data[4:8])
    (count,) = struct.unpack(order + "H", data[at : at + 2])
    data[at + 2 + 12 * count : at + 6 + 12 * count] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(InputError, match="truncated, ImageJ wrote more planes"):
        open_source(path)


def test_a_circle_of_directories(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PHOTO)
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack("<H", data[at : at + 2])
    data[at + 2 + 12 * count : at + 6 + 12 * count] = struct.pack("<I", at)
    path.write_bytes(data)
    np.testing.assert_array_equal(whole(open_source(path)), first(PHOTO))


@pytest.mark.parametrize("compression", ["zlib", "jpeg", "lzw"])
def test_a_damaged_tile_is_named_and_others_are_read(tmp_path, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PHOTO, tile=(64, 64), compression=compression)
    with tifffile.TiffFile(path) as file:
        expected = first(file.asarray())
        at, count = file.pages[0].dataoffsets[0], file.pages[0].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[at : at + count] = b"\xff" * count
    path.write_bytes(data)
    source = open_source(path)
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            source.read(0, (10, 5), (20, 30))
        assert str(caught.value).startswith(f"{path}: level 0, pixels 10:30, 5:35 cannot be read (")
        np.testing.assert_array_equal(source.read(0, (64, 0), (64, 64)), expected[:, 64:128, :64])


def test_tiles_that_were_never_written_hold_no_data(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PHOTO, tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        places = [(tags[tag].valueoffset, tags[tag].dtype) for tag in (324, 325)]
    data = bytearray(path.read_bytes())
    for at, kind in places:
        size = struct.calcsize({3: "H", 4: "I", 16: "Q"}[kind])
        data[at : at + size] = bytes(size)
    path.write_bytes(data)
    expected = first(PHOTO).copy()
    expected[:, :64, :64] = 0
    np.testing.assert_array_equal(whole(open_source(path)), expected)


def test_only_the_tiles_of_a_region_are_read(tmp_path):
    """All other tiles are damaged."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PHOTO, tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        spans = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    data = bytearray(path.read_bytes())
    columns = -(-PHOTO.shape[1] // 64)
    for number, (at, count) in enumerate(spans):
        if number not in (columns + 1, columns + 2):
            data[at : at + count] = b"\xff" * count
    path.write_bytes(data)
    pixels = open_source(path).read(0, (64, 64), (64, 128))
    np.testing.assert_array_equal(pixels, first(PHOTO)[:, 64:128, 64:192])


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_palettes_are_looked_up(tmp_path, bits):
    picture = Image.fromarray(PHOTO).quantize(2**bits)
    colours = np.array(picture.getpalette()).reshape(-1, 3)
    expected = first(np.asarray(picture.convert("RGB")))
    size = {"count": 1, "height": PHOTO.shape[0], "width": PHOTO.shape[1], "dtype": "uint8"}
    options = {"driver": "GTiff", "nbits": bits, "photometric": "palette"}
    with pytest.warns(NotGeoreferencedWarning):
        file = rasterio.open(tmp_path / "a.tif", "w", **options, **size)
    with file:
        file.write(np.asarray(picture)[None])
        file.write_colormap(1, {n: tuple(colour) for n, colour in enumerate(colours.tolist())})
    source = open_source(tmp_path / "a.tif")
    assert (source.channels, source.dtype) == (3, np.uint8)
    np.testing.assert_array_equal(whole(source), expected)
    chosen = open_source(tmp_path / "a.tif", {"C": [2]})
    np.testing.assert_array_equal(whole(chosen), expected[2:])


def test_an_alpha_channel_is_left_out_unless_it_is_selected(tmp_path):
    path = tmp_path / "a.tif"
    pixels = np.dstack([PHOTO, PHOTO[..., 0]])
    tifffile.imwrite(path, pixels, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.warns(UserWarning, match="its alpha channel is left out"):
        np.testing.assert_array_equal(whole(open_source(path)), first(PHOTO))
    source = open_source(path, {"C": [3, 0, 1, 2]})
    np.testing.assert_array_equal(whole(source), first(pixels)[[3, 0, 1, 2]])


def test_what_is_lost_is_said(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(PHOTO, metadata=None, extratags=[(274, 3, 1, 6, True)])
        file.write(DEEP[0], metadata=None)
    with (
        pytest.warns(UserWarning, match="only the first of its 2 images is read"),
        pytest.warns(UserWarning, match="not turned upright"),
    ):
        np.testing.assert_array_equal(whole(open_source(path)), first(PHOTO))


@pytest.mark.parametrize(
    ("resolution", "unit", "expected"),
    [
        ((1e4 / 0.5, 1e4 / 0.25), "centimeter", (0.25, 0.5)),
        ((25400.0, 12700.0), "inch", (2.0, 1.0)),
        ((72, 72), "inch", None),
        ((300, 300), "inch", None),
        ((1, 1), "centimeter", None),
        ((2e4, 2e4), "none", None),
        ((2e8, 2e8), "centimeter", None),
    ],
)
def test_spacing_of_resolution_tags(tmp_path, resolution, unit, expected):
    tifffile.imwrite(tmp_path / "a.tif", PHOTO, resolution=resolution, resolutionunit=unit)
    source = open_source(tmp_path / "a.tif")
    assert source.spacing == (pytest.approx(expected) if expected else None)


@pytest.mark.parametrize(
    ("unit", "factor"), [("µm", 1), ("nm", 1e-3), ("mm", 1e3), ("cm", 1e4), ("pixel", None)]
)
def test_spacing_of_ome(tmp_path, unit, factor):
    told = {"axes": "CZYX"}
    for axis, size in zip("XYZ", (0.25, 0.5, 2.0), strict=True):
        told |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", VOLUME, metadata=told)
    volume = open_source(tmp_path / "a.ome.tif", space=3)
    plane = open_source(tmp_path / "a.ome.tif", {"Z": 0})
    expected = [factor and pytest.approx((2.0 * factor, 0.5 * factor, 0.25 * factor))]
    assert [volume.spacing] == expected
    assert [plane.spacing] == [factor and pytest.approx((0.5 * factor, 0.25 * factor))]


def test_an_ome_description_that_is_damaged(tmp_path):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, DEEP, metadata={"axes": "CYX"})
    data = path.read_bytes()
    path.write_bytes(data.replace(b"<Pixels", b"<Pix<ls"))
    with pytest.warns(UserWarning, match="its OME description is not understood"):
        np.testing.assert_array_equal(whole(open_source(path)), DEEP)


def test_an_image_of_two_files_needs_both(tmp_path):
    case = CASES["OME in two files"](tmp_path)
    before = open_source(case.image).identity
    other = tmp_path / "b.ome.tif"
    data = other.read_bytes()
    changed = bytearray(data)
    changed[-50] ^= 255
    other.write_bytes(changed)
    assert open_source(case.image).identity != before
    other.write_bytes(data[:-50])
    with pytest.raises(InputError, match=r"truncated or damaged|planes are missing"):
        open_source(case.image)
    other.unlink()
    with pytest.raises(InputError, match=r"a\.ome\.tif: .*planes are missing"):
        open_source(case.image)


def test_planes_must_be_chosen(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", VOLUME, metadata={"axes": "CZYX"})
    with pytest.raises(InputError, match=r"axes C=2, Z=9, Y=40, X=50; choose one .* Z, .* Z=4"):
        open_source(tmp_path / "a.ome.tif")


def test_colours_that_are_not_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PHOTO, photometric="ycbcr")
    with pytest.raises(InputError, match="its colours are YCbCr; save it as RGB"):
        open_source(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", BYTES[0].astype(np.complex64))
    with pytest.raises(InputError, match="real numbers, not complex64"):
        open_source(tmp_path / "a.tif")


def test_a_compression_that_nothing_decodes(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PHOTO, tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["Compression"].overwrite(34925 + 1000)
    with pytest.raises(InputError, match=r"a\.tif"):
        open_source(path).read(0, (0, 0), (1, 1))


def test_the_file_may_be_moved_but_not_changed(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PHOTO)
    before = open_source(path).identity
    path = path.rename(tmp_path / "b.tif")
    assert open_source(path).identity == before
    os.utime(path, (1, 1))
    assert open_source(path).identity != before


def test_a_file_that_vanishes_and_comes_back(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PHOTO, tile=(64, 64), compression="zlib")
    source = open_source(path)
    source.close()
    moved = path.rename(tmp_path / "b.tif")
    with pytest.raises(InputError, match=r"cannot be read \(.*No such file"):
        whole(source)
    moved.rename(path)
    np.testing.assert_array_equal(whole(source), first(PHOTO))
