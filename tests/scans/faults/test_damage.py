"""Tiles of a map that are damaged are made again; images that are damaged are read around."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

import onebyone as ob
from helpers import scan_runs
from helpers.scan_runs import digests
from onebyone.scans.sources.arrays import ArraySource
from onebyone.scans.sources.opening import open_source


@pytest.fixture
def whole(tiles, sliding, picture, tmp_path):
    return ob.scan(picture, sliding, tmp_path / "map.zarr", executor=1).path


def shorten(file, keep):
    file.write_bytes(file.read_bytes()[:keep])


def zeroed(file, *, end):
    content = file.read_bytes()
    middle = len(content) // 2
    zeros = bytes(len(content) - middle)
    file.write_bytes(content[:middle] + zeros if end else zeros[:middle] + content[middle:])


DAMAGE = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: shorten(file, 0),
    "one byte": lambda file: shorten(file, 1),
    "half": lambda file: shorten(file, file.stat().st_size // 2),
    "all but one byte": lambda file: shorten(file, file.stat().st_size - 1),
    "the end is zeros": lambda file: zeroed(file, end=True),
    "longer": lambda file: file.write_bytes(file.read_bytes() + b"\0"),
}


# Of `state` the size alone is looked at, since resuming reads no tile; Zarr sees the checksum.
TORN = [
    (name, damage)
    for name in ("scores/c/0", "state/c")
    for damage in DAMAGE
    if (name, damage) != ("state/c", "the end is zeros")
]


@pytest.mark.parametrize("place", ["0/0", "4/5"], ids=["first", "at the edge"])
@pytest.mark.parametrize(("name", "damage"), TORN)
def test_a_torn_file_of_a_tile_is_made_again(whole, sliding, picture, name, place, damage):
    before = digests(whole)
    DAMAGE[damage](whole / name / place)
    run = ob.scan(picture, sliding, whole, resume=True, executor=1)
    assert (run.before, run.counts.tiles) == (29, 1)
    assert digests(whole) == before


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_torn_file_of_a_coarser_level_is_made_again(whole, sliding, picture, damage):
    before = digests(whole)
    DAMAGE[damage](whole / "coarser/1/c/0/2/2")
    run = ob.scan(picture, sliding, whole, resume=True, executor=1)
    assert run.counts.tiles == 0
    assert digests(whole) == before


@pytest.mark.parametrize("level", ["scores", "coarser/1"])
def test_damage_within_a_tile_is_found_when_it_is_read_and_then_made_again(
    whole, sliding, picture, level
):
    before = digests(whole)
    zeroed(whole / level / "c/0/0/1", end=False)
    (whole / "coarser" / ("1" if level == "scores" else "2") / "c/0/0/0").unlink()
    with pytest.raises(ob.InputError, match=f"{level}/c/0/0/1: damaged .* and removed; .*--resume"):
        ob.scan(picture, sliding, whole, resume=True, executor=1)
    ob.scan(picture, sliding, whole, resume=True, executor=1)
    assert digests(whole) == before


def test_coarser_levels_follow_tiles_that_are_run_again_also_if_all_are(
    whole, sliding, picture, tmp_path, undisturbed
):
    for file in (whole / "state" / "c").rglob("*"):
        if file.is_file():
            file.unlink()
    coarse = whole / "coarser/1/c/0/0/0"
    coarse.write_bytes((whole / "coarser/1/c/0/1/1").read_bytes())  # of other scores
    ob.scan(picture, sliding, whole, resume=True, executor=1)
    assert digests(whole) == undisturbed


def test_foreign_files_in_a_map_are_left_alone(whole, sliding, picture):
    (whole / "scores/c/0/²").mkdir()
    (whole / "scores/c/0/x").write_text("")
    (whole / "scores/c/0/99").mkdir()
    (whole / "scores/c/0/99/0").write_text("")
    (whole / "notes.txt").write_text("")
    assert ob.scan(picture, sliding, whole, resume=True).counts.tiles == 0


class Unlucky(ArraySource):
    """An image of which some regions cannot be read, the first few times."""

    def __init__(self, pixels, times):
        super().__init__(pixels, {}, 2)
        self.times, self.reads = times, 0

    def _read(self, level, start, size):
        if start == (0, 0):
            self.reads += 1
            if self.reads <= self.times:
                raise RuntimeError("Invalid tile\nheader")
        return super()._read(level, start, size)


def test_a_tile_that_cannot_be_read_is_left_out_and_resume_tries_it_again(
    undisturbed, sliding, picture, tmp_path
):
    path = tmp_path / "map.zarr"
    source = Unlucky(picture, 0)
    source.times, source.reads = 2, 0
    with pytest.warns(UserWarning, match=r"tile 0 is left out: .*\(Invalid tile\)"):
        run = ob.scan(source, sliding, path, executor=1)
    assert list(run.failed) == [0]
    assert run.failed[0].endswith("cannot be read (Invalid tile)")
    assert run.counts.tiles == 29
    assert (run.open().state[:16, :16] == 0).all()
    assert np.isnan(run.open().scores[0][:, :16, :16]).all()
    with pytest.warns(UserWarning, match="tile 0 is left out"):
        again = ob.scan(source, sliding, path, executor=1, resume=True)
    assert (again.before, again.counts.tiles, list(again.failed)) == (29, 0, [0])
    last = ob.scan(source, sliding, path, executor=1, resume=True)
    assert (last.before, last.counts.tiles, last.failed) == (29, 1, {})
    name = {"zarr.json": ""}  # the image is called otherwise
    assert digests(path) | name == undisturbed | name


@pytest.fixture(params=["zlib", "jpeg"])
def tiff(request, tmp_path, picture):
    """A TIFF in tiles of 64 x 64, and where the second lies in the file."""
    path = tmp_path / "slide.tif"
    smooth = np.cumsum(picture[0], axis=1, dtype=np.uint32).astype(np.uint8) // 8
    tifffile.imwrite(
        path, smooth, tile=(64, 64), compression=request.param, photometric="minisblack"
    )
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        return path, page.dataoffsets[1], page.databytecounts[1]


def overwrite(path, offset, content):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def test_a_tile_of_the_image_with_a_damaged_header_is_left_out(tiles, sliding, tiff, tmp_path):
    path, offset, _ = tiff
    overwrite(path, offset, b"\xff" * 16)
    with pytest.warns(UserWarning, match=r"(is|are) left out"):
        run = ob.scan(path, sliding, tmp_path / "map.zarr", executor=2)
    assert 0 < len(run.failed) < run.tiles
    assert run.counts.tiles == run.tiles - len(run.failed)
    state = run.open().state[:]
    assert (state[40:] == 1).all()  # what lies behind is read by the same reader
    with pytest.warns(UserWarning, match=r"(is|are) left out"):
        again = ob.scan(path, sliding, tmp_path / "map.zarr", executor=2, resume=True)
    assert again.failed.keys() == run.failed.keys()
    assert again.counts.tiles == 0


def test_a_truncated_image_is_found_at_the_start(tiles, sliding, tiff, tmp_path):
    path, _, _ = tiff
    content = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        last = max(a + b for a, b in zip(file.pages[0].dataoffsets, file.pages[0].databytecounts, strict=True))  # fmt: skip # noqa: E501
    path.write_bytes(content[: last - 1])
    with pytest.raises(ob.InputError, match=r"slide\.tif"):
        ob.scan(path, sliding, tmp_path / "map.zarr")
    assert [p.name for p in Path(tmp_path).iterdir()] == ["slide.tif"]


def test_damage_to_a_tile_s_body_may_go_unseen(tiles, sliding, tiff, tmp_path):
    """JPEG has no checksum: this is a limit that the documentation tells of."""
    path, offset, count = tiff
    with tifffile.TiffFile(path) as file:
        compression = file.pages[0].compression.name
    if compression != "JPEG":
        pytest.skip("only JPEG decodes what is damaged")
    overwrite(path, offset + count // 2, bytes(count // 2 - 2))
    run = ob.scan(path, sliding, tmp_path / "map.zarr")
    assert run.failed == {}


def test_an_image_that_changed_is_refused(tiles, sliding, tiff, tmp_path):
    path, offset, _ = tiff
    ob.scan(path, sliding, tmp_path / "map.zarr")
    overwrite(path, offset, b"\xff" * 16)
    with pytest.raises(ob.InputError, match="was begun with another image"):
        ob.scan(path, sliding, tmp_path / "map.zarr", resume=True)


def test_a_source_is_opened_again_in_each_scan(tiles, sliding, tiff, tmp_path):
    path, _, _ = tiff
    with open_source(path, space=2) as source:
        first = ob.scan(source, sliding, tmp_path / "a.zarr")
        second = ob.scan(source, sliding, tmp_path / "b.zarr")
    assert digests(first.path) == digests(second.path)
    assert scan_runs.STRIDE == 2
