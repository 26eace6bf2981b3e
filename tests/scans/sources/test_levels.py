"""One level, or one resampled: the same in every region, and as Pillow resamples."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from PIL import Image

from helpers.scan_images import DEEP, PHOTO, VOLUME, first, pyramid, scene
from onebyone.errors import InputError
from onebyone.scans.sources import levels
from onebyone.scans.sources.levels import at_level
from onebyone.scans.sources.opening import open_source

RNG = np.random.default_rng(7)


def spaced(pixels, spacing, space=2):
    source = open_source(pixels, space=space)
    source.spacing = spacing
    return source


def whole(source):
    size = source.levels[0].size
    return source.read(0, (0,) * len(size), size)


def by_pillow(plane, size, factors):
    """A plane [H, W] made coarser by Pillow, as floats."""
    (height, width), (down, right) = size, factors
    image = Image.fromarray(plane.astype(np.float32))
    box = (0, 0, width * right, height * down)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box=box))


@pytest.mark.parametrize("factor", [1.02, 1.3, 2, 2.5, 3.999, 7, 40.3])
@pytest.mark.parametrize("pixels", [first(PHOTO), DEEP], ids=["8 bits", "16 bits"])
def test_as_pillow_resamples(pixels, factor):
    """Of 16 bits less closely: Pillow holds places in 32 bits."""
    source = at_level(spaced(pixels, (0.5, 0.5)), mpp=0.5 * factor)
    got = whole(source)
    size = source.levels[0].size
    assert size == tuple(int(n / factor) for n in pixels.shape[1:])
    assert got.dtype == pixels.dtype
    for channel, plane in zip(got, pixels, strict=True):
        oracle = by_pillow(plane, size, (factor, factor))
        assert np.abs(channel - oracle).max() <= (0.51 if pixels.dtype == np.uint8 else 1.0)


@pytest.mark.parametrize("factor", [1.02, 2, 2.5, 7.77])
@pytest.mark.parametrize("most", [2**23, 500, 3000])
def test_a_region_is_that_of_the_whole_bit_for_bit(factor, most, monkeypatch):
    pixels = VOLUME[:, 0].repeat(5, 1).repeat(3, 2) + RNG.normal(size=(2, 200, 150))
    source = at_level(spaced(pixels.astype(np.float32), (1.0, 1.0)), mpp=factor)
    full = whole(source)
    monkeypatch.setattr(levels, "MOST", most)  # in how many pieces makes no difference either
    np.testing.assert_array_equal(whole(source), full)

    def check(region):
        (y, x), (height, width) = region
        part = full[:, y : y + height, x : x + width]
        return np.array_equal(source.read(0, (y, x), (height, width)), part)

    regions = []
    for _ in range(40):
        size = [int(RNG.integers(1, n + 1)) for n in full.shape[1:]]
        start = [int(RNG.integers(0, n - k + 1)) for n, k in zip(full.shape[1:], size, strict=True)]
        regions.append((start, size))
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(check, regions))


def test_a_pixel_that_is_no_number_reaches_no_further_than_its_weight():
    pixels = np.ones((1, 40, 40))
    pixels[0, 20, 20] = np.nan
    got = whole(at_level(spaced(pixels, (1.0, 1.0)), mpp=2.0))
    rows, columns = np.nonzero(np.isnan(got[0]))
    assert set(rows) == set(columns) == {9, 10}
    assert got[0, 0, 0] == 1


def test_levels_are_taken_or_resampled(tmp_path):
    wholes = pyramid(tmp_path / "p.tif", PHOTO, resolution=(2e4, 2e4))  # 0.5, 1 and 2 micrometres
    source = open_source(tmp_path / "p.tif")
    for mpp, number in ((0.5, 0), (0.5049, 0), (0.9901, 1), (1.0, 1), (2.0, 2)):
        one = at_level(source, mpp=mpp)
        assert len(one.levels) == 1
        assert one.levels[0] == source.levels[number]
        assert one.spacing == pytest.approx((0.5 * 2**number,) * 2)
        np.testing.assert_array_equal(whole(one), wholes[number])
    for mpp, number in ((0.6, 0), (0.98, 0), (1.5, 1), (7.0, 2)):
        one = at_level(source, mpp=mpp)
        factor = mpp / (0.5 * 2**number)
        assert one.levels[0].shrink == pytest.approx((mpp / 0.5,) * 2)
        assert one.spacing == pytest.approx((mpp, mpp))
        for channel, plane in zip(whole(one), wholes[number], strict=True):
            oracle = by_pillow(plane, one.levels[0].size, (factor, factor))
            assert np.abs(channel - oracle).max() <= 0.51


def test_a_level_by_its_number(tmp_path):
    wholes = scene(tmp_path / "g.tif", DEEP)
    source = open_source(tmp_path / "g.tif")
    for number in (0, 1, 2):
        one = at_level(source, number)
        np.testing.assert_array_equal(whole(one), wholes[number])
        a, b, c, d, e, f = source.place.transform
        k = 2**number
        assert one.place.transform == (a * k, b * k, c, d * k, e * k, f)
        assert one.place.crs == source.place.crs
        assert (one.nodata, one.channels, one.name) == (7, 4, source.name)
    assert at_level(source).levels == at_level(source, 0).levels


def test_a_place_follows_pixels_that_are_not_square(tmp_path):
    turned = rasterio.Affine.translation(5e5, 5e6) @ rasterio.Affine.rotation(30)
    scene(tmp_path / "g.tif", DEEP, transform=turned)
    source = open_source(tmp_path / "g.tif")
    source.spacing = (1.0, 2.0)
    one = at_level(source, mpp=6.0)
    a, b, c, d, e, f = one.place.transform
    row, column = 7, 11  # of this one; of the source 6 and 3 times as far
    expected = turned @ (3 * column, 6 * row)
    assert (a * column + b * row + c, d * column + e * row + f) == pytest.approx(expected)


def test_pixels_that_are_not_square():
    source = at_level(spaced(first(PHOTO), (0.25, 0.5)), mpp=1.0)
    assert source.levels[0].shrink == (4, 2)
    assert source.spacing == (1, 1)
    oracle = by_pillow(PHOTO[..., 0], source.levels[0].size, (4, 2))
    assert np.abs(whole(source)[0] - oracle).max() <= 0.51


def test_planes_of_volumes_stay():
    source = at_level(spaced(VOLUME, (3.0, 1.0, 1.0), space=3), mpp=2.0)
    assert source.levels[0].size == (9, 20, 25)
    assert source.spacing == (3, 2, 2)
    oracle = by_pillow(VOLUME[1, 4], (20, 25), (2, 2))
    np.testing.assert_allclose(whole(source)[1, 4], oracle, atol=1e-5)


def test_signals():
    source = at_level(spaced(DEEP[0], (1.0,), space=1), mpp=3.0)
    assert whole(source).shape == (130, 32)


def test_a_level_smaller_than_one_pixel():
    source = at_level(spaced(DEEP[:, :2, :2], (1.0, 1.0)), mpp=50.0)
    assert whole(source).shape == (4, 1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 3}, r"^level=3: .* has levels 0: 357 × 541; 1: 179 × 271; 2: 90 × 136"),
        ({"level": -1}, "^level=-1: "),
        ({"mpp": 0.1}, r"^mpp=0\.1: the finest level of .* has 0\.25 × 0\.5 micrometres"),
        ({"mpp": 0.0}, r"^mpp=0\.0: give micrometres"),
        ({"mpp": float("nan")}, "^mpp=nan: give micrometres"),
        ({"mpp": float("inf")}, "^mpp=inf: give micrometres"),
        ({"level": 1, "mpp": 1.0}, "^level=1: mpp=1.0: give a level or micrometres"),
    ],
)
def test_what_cannot_be_given(tmp_path, options, message):
    pyramid(tmp_path / "p.tif", PHOTO)
    with pytest.raises(InputError, match=message):
        at_level(open_source(tmp_path / "p.tif"), **options)


def test_without_spacing_there_are_no_micrometres():
    with pytest.raises(InputError, match=r"does not say how many micrometres.*give a level"):
        at_level(open_source(PHOTO), mpp=1.0)


def test_identity_and_pickling(tmp_path):
    pyramid(tmp_path / "p.tif", PHOTO, resolution=(2e4, 2e4))
    source = open_source(tmp_path / "p.tif")
    ones = [at_level(source, 0), at_level(source, 1), at_level(source, mpp=1.0),
            at_level(source, mpp=1.5)]  # fmt: skip
    told = [sorted(each.identity.items()) for each in ones]
    assert all(told.count(each) == 1 for each in told)
    for one in ones:
        copy = pickle.loads(pickle.dumps(one))
        assert copy.identity == one.identity
        np.testing.assert_array_equal(whole(copy), whole(one))
        one.close()
        with pytest.raises(InputError, match="level 0, pixels 0:9999, 0:1 cannot be read"):
            one.read(0, (0, 0), (9999, 1))
