"""One run: what it says of tiles that are left out, of how far it is, and what it leaves behind."""

import warnings
from contextlib import nullcontext

import pytest
import torch

import onebyone as ob
from helpers import scan_runs
from onebyone.scans.sources.arrays import ArraySource

TILES = 12


class Damaged(ArraySource):
    """An image of which the first so many regions cannot be read."""

    left = 0

    def _read(self, level, start, size):
        if self.left > 0:
            self.left -= 1
            raise RuntimeError(f"bad header at {start}")
        return super()._read(level, start, size)


def scanned(sliding, to, damaged, **options):
    """A scan of an image with damage, and its warnings."""
    source = Damaged(scan_runs.picture(80, 110), {}, 2)
    source.left = damaged
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run = ob.scan(source, sliding, to, executor=1, **options)
    return run, [str(each.message) for each in told]


@pytest.mark.parametrize("damaged", [0, 3, 4, TILES])
def test_the_first_tiles_that_are_left_out_are_told_of_and_how_many_more(
    tiles, sliding, tmp_path, damaged
):
    run, told = scanned(sliding, tmp_path / "map.zarr", damaged)
    assert run.tiles == TILES
    assert len(run.failed) == damaged
    assert run.counts.tiles == TILES - damaged
    named = list(run.failed.items())[:3]
    assert told[:3] == [f"tile {tile} is left out: {why}" for tile, why in named]
    assert all("(bad header at (" in why for why in run.failed.values())
    words = "tile is" if damaged == 4 else "tiles are"
    more = f"{damaged - 3} more {words} left out; `failed`, or --report, has each with its reason"
    assert told[3:] == ([more] if damaged > 3 else [])


def test_each_run_tells_of_its_own(tiles, sliding, tmp_path):
    _, first = scanned(sliding, tmp_path / "map.zarr", 5)
    run, second = scanned(sliding, tmp_path / "map.zarr", 2, resume=True)
    assert [len(first), len(second), len(run.failed)] == [4, 2, 2]


def test_progress_is_told_each_tile_with_those_of_earlier_runs(tiles, sliding, tmp_path):
    seen = []
    run, _ = scanned(sliding, tmp_path / "map.zarr", 7, progress=seen.append)
    assert [(told.tiles, told.of) for told in seen] == [(n, TILES) for n in range(1, 6)]
    assert (run.before, seen[-1].counts) == (0, run.counts)
    seconds = [told.seconds for told in seen]
    assert 0 < seconds[0] <= run.seconds
    assert seconds == sorted(seconds)
    seen.clear()
    again, _ = scanned(sliding, tmp_path / "map.zarr", 0, resume=True, progress=seen.append)
    assert [told.tiles for told in seen] == list(range(6, 13))
    assert [told.counts.tiles for told in seen] == list(range(1, 8))
    assert again.before == 5
    assert run.counts.windows + again.counts.windows == 38 * 53


@pytest.mark.parametrize("stopped", [False, True])
def test_the_number_of_pytorch_s_threads_stays(tiles, sliding, tmp_path, stopped):
    before, image = torch.get_num_threads(), scan_runs.picture(40, 40)

    def progress(told):
        if stopped:
            raise KeyboardInterrupt

    torch.set_num_threads(3)
    try:
        with pytest.raises(KeyboardInterrupt) if stopped else nullcontext():
            ob.scan(image, sliding, tmp_path / "map.zarr", executor=2, progress=progress)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
