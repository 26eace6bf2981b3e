"""Slides: levels that are not whole numbers of times coarser, transparency, and damaged tiles."""

import pickle
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openslide
import pytest
import tifffile
from skimage.transform import resize

from helpers.scan_images import PHOTO, first, pyramid
from onebyone.errors import InputError
from onebyone.scans.sources import slides
from onebyone.scans.sources.opening import open_source

RNG = np.random.default_rng(2)


def whole(source, level=0):
    size = source.levels[level].size
    return source.read(level, (0,) * len(size), size)


@pytest.fixture
def uneven(tmp_path):
    """A slide whose levels are 4.004 and 16.1 times coarser; and its levels as written."""
    picture = np.tile(PHOTO, (3, 2, 1))[:1001, :997]
    levels = [picture]
    for factor in (4, 16):
        small = resize(picture, (1001 // factor, 997 // factor), anti_aliasing=True)
        levels.append((small * 255).astype(np.uint8))
    with tifffile.TiffWriter(tmp_path / "a.svs") as file:
        for number, level in enumerate(levels):
            file.write(level, tile=(64, 64), photometric="rgb", metadata=None,
                       subfiletype=int(number > 0))  # fmt: skip
    return tmp_path / "a.svs", [first(level) for level in levels]


def damage(path, index, compression="jpeg"):
    """Destroy the header of a tile of the first page; return the picture as it was."""
    tifffile.imwrite(path, PHOTO, tile=(64, 64), compression=compression, metadata=None)
    with tifffile.TiffFile(path) as file:
        at, count = file.pages[0].dataoffsets[index], file.pages[0].databytecounts[index]
    with openslide.OpenSlide(path) as slide:
        before = first(np.asarray(slide.read_region((0, 0), 0, slide.dimensions))[..., :3])
    data = bytearray(path.read_bytes())
    data[at : at + count] = b"\xff" * count
    path.write_bytes(data)
    return before


@pytest.mark.parametrize("block", [64, 100, 512])
def test_a_pixel_is_the_same_in_every_region(uneven, block, monkeypatch):
    """OpenSlide's own regions are not: it interpolates."""
    monkeypatch.setattr(slides, "BLOCK", block)
    path, levels = uneven
    source = open_source(path)
    assert [level.shrink for level in source.levels] == [(1, 1), (4, 4), (16, 16)]
    np.testing.assert_array_equal(whole(source), levels[0])
    for number in (0, 1, 2):
        full = whole(source, number)
        assert np.abs(full.astype(int) - levels[number]).mean() < 1.5
        for _ in range(20):
            size = [int(RNG.integers(1, n + 1)) for n in full.shape[1:]]
            y, x = (
                int(RNG.integers(0, n - k + 1)) for n, k in zip(full.shape[1:], size, strict=True)
            )
            part = full[:, y : y + size[0], x : x + size[1]]
            np.testing.assert_array_equal(source.read(number, (y, x), size), part)


def test_blocks_lie_where_openslide_says(uneven):
    path, levels = uneven
    source = open_source(path)
    with openslide.OpenSlide(path) as slide:
        times = slide.level_downsamples[1]
        assert not times.is_integer()
        region = slide.read_region((0, 0), 1, slide.level_dimensions[1])
    np.testing.assert_array_equal(whole(source, 1), first(np.asarray(region)[..., :3]))
    np.testing.assert_array_equal(whole(source, 1), levels[1])


def test_spacing(tmp_path):
    pyramid(tmp_path / "a.svs", PHOTO)
    assert open_source(tmp_path / "a.svs").spacing == pytest.approx((0.25, 0.5))
    pyramid(tmp_path / "b.svs", PHOTO, resolution=None, resolutionunit=None)
    assert open_source(tmp_path / "b.svs").spacing is None


def test_what_is_transparent_shows_the_background(tmp_path):
    path = tmp_path / "a.svs"
    tifffile.imwrite(path, PHOTO, tile=(64, 64), compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        places = [(tags[tag].valueoffset, tags[tag].dtype) for tag in (324, 325)]
    data = bytearray(path.read_bytes())
    for at, kind in places:
        size = struct.calcsize({3: "H", 4: "I"}[kind])
        data[at : at + size] = bytes(size)
    path.write_bytes(data)
    expected = first(PHOTO).copy()
    expected[:, :64, :64] = 255
    source = open_source(path)
    np.testing.assert_array_equal(whole(source), expected)
    source._background = (10, 20, 30)
    expected[:, :64, :64] = np.array([10, 20, 30])[:, None, None]
    np.testing.assert_array_equal(whole(source), expected)


def test_half_transparent_pixels_are_mixed(tmp_path):
    pyramid(tmp_path / "a.svs", PHOTO)
    source = open_source(tmp_path / "a.svs")
    colour = RNG.integers(0, 256, (20, 30, 4), dtype=np.uint8)
    share = colour[..., 3:] / 255
    expected = np.rint(colour[..., :3] * share + 255 * (1 - share))
    assert np.abs(source._opaque(colour) - expected).max() <= 1
    assert source._opaque(colour).dtype == np.uint8


@pytest.mark.parametrize(
    ("text", "colour"),
    [("FFEEDD", (255, 238, 221)), (None, (255,) * 3), ("xyzxyz", (255,) * 3), ("FF", (255,) * 3)],
)
def test_the_colour_of_the_background(text, colour):
    assert slides._colour(text) == colour


def test_a_damaged_tile_is_named_and_the_slide_is_opened_again(tmp_path):
    path = tmp_path / "a.svs"
    before = damage(path, 0)
    source = open_source(path)
    for _ in range(3):
        with pytest.raises(InputError, match=r"level 0, pixels 5:25, 6:26 cannot be read \("):
            source.read(0, (5, 6), (20, 20))
        pixels = source.read(0, (64, 64), (100, 200))
        np.testing.assert_array_equal(pixels, before[:, 64:164, 64:264])


def test_a_handle_that_an_error_has_ended_is_not_used_again(tmp_path, monkeypatch):
    path = tmp_path / "a.svs"
    damage(path, 0)
    source = open_source(path)
    opened, real = [], openslide.OpenSlide
    monkeypatch.setattr(openslide, "OpenSlide", lambda path: opened.append(path) or real(path))
    with pytest.raises(InputError, match="cannot be read"):
        source.read(0, (5, 6), (20, 20))
    assert len(opened) == 1  # to find out whose the damage is
    for _ in range(5):
        source.read(0, (64, 64), (100, 200))
    assert len(opened) == 2


def test_threads_beside_one_that_meets_a_damaged_tile_go_on(tmp_path):
    path = tmp_path / "a.svs"
    before = damage(path, 0)
    source = open_source(path)

    def read(number):
        if number % 3 == 0:
            with pytest.raises(InputError, match="cannot be read"):
                source.read(0, (5, 6), (20, 20))
            return True
        y, x = 64 + number % 90, 64 + number % 70
        return np.array_equal(source.read(0, (y, x), (90, 80)), before[:, y : y + 90, x : x + 80])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(90)))


def test_files_that_openslide_refuses(tmp_path):
    for content in (b"x" * 500, PHOTO.tobytes()):
        for suffix in (".svs", ".mrxs", ".ndpi", ".dcm"):
            path = tmp_path / f"a{suffix}"
            path.write_bytes(content)
            with pytest.raises(InputError, match="not a readable slide"):
                open_source(path)


def test_slides_are_pictures(tmp_path):
    pyramid(tmp_path / "a.svs", PHOTO)
    with pytest.raises(InputError, match="two axes of space, not 3"):
        open_source(tmp_path / "a.svs", space=3)
    with pytest.raises(InputError, match="has no C=3"):
        open_source(tmp_path / "a.svs", {"C": 3})
    source = open_source(tmp_path / "a.svs", {"C": [2, 0]})
    np.testing.assert_array_equal(whole(source), first(PHOTO)[[2, 0]])


def test_a_pickled_slide_keeps_its_digest(tmp_path):
    pyramid(tmp_path / "a.svs", PHOTO)
    source = open_source(tmp_path / "a.svs")
    assert len(str(source.identity["quickhash"])) == 64
    assert pickle.loads(pickle.dumps(source)).identity == source.identity
