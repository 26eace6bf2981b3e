"""Tiles without a window that is run, or without a score, are recorded as any other."""

import numpy as np
import pytest
from torch import nn

import onebyone as ob
from helpers import scan_runs
from onebyone.scans.maps import DONE, MASKED
from onebyone.scans.sources.arrays import array_source


def again(*words, **options):
    run = ob.scan(*words, **options, resume=True)
    assert run.before == run.tiles
    assert run.counts.tiles == 0
    return run.open()


@pytest.mark.parametrize("options", [{}, {"values": "top:2", "dtype": "uint8"}])
def test_masked_tiles_are_marked_and_not_run_again(tiles, sliding, picture, tmp_path, options):
    mask = np.zeros((150, 190), bool)
    mask[:5, :5] = True
    run = ob.scan(picture, sliding, tmp_path / "map.zarr", mask=mask, executor=1, **options)
    assert run.counts.tiles == 30
    assert run.counts.windows == 9
    found = again(picture, sliding, tmp_path / "map.zarr", mask=mask, executor=1, **options)
    assert (found.state[:3, :3] == DONE).all()
    assert (found.state[3:] == MASKED).all()
    assert np.isnan(found.read(0, (slice(3, None), slice(None)))).all()
    assert not np.isnan(found.read(0, (slice(3), slice(3)))).any()
    if found.labels is not None:
        assert (found.labels[:, 3:] == 65535).all()


def test_tiles_without_data_are_marked_and_not_run_again(tiles, tmp_path):
    sliding = scan_runs.sliding_model(scale=None)
    pixels = np.random.default_rng(0).random((1, 150, 190), np.float32)
    pixels[:, :80] = np.nan
    source = array_source(pixels, {}, 2)
    source.nodata = float("nan")
    run = ob.scan(source, sliding, tmp_path / "map.zarr", executor=1)
    found = again(source, sliding, tmp_path / "map.zarr", executor=1)
    assert (found.state[:38] == MASKED).all()
    assert (found.state[38:] == DONE).all()
    assert run.counts.masked == 38 * 93


def test_scores_that_are_all_nan_are_done(tiles, tmp_path):
    sliding = scan_runs.sliding_model(scale=None)
    pixels = np.full((1, 150, 190), np.nan, np.float32)
    for dtype, values in (("float32", "scores"), ("uint8", "probabilities")):
        path = tmp_path / f"{dtype}.zarr"
        run = ob.scan(pixels, sliding, path, executor=1, dtype=dtype, values=values)
        assert run.counts.windows == 73 * 93
        found = again(pixels, sliding, path, executor=1, dtype=dtype, values=values)
        assert (found.state[:] == DONE).all()
        assert np.isnan(found.read(0, (slice(None), slice(None)))).all()


def test_scores_that_are_all_zero_are_done(tiles, tmp_path, picture):
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 2)).eval()
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    sliding = ob.slide(net, scan_runs.WINDOW, 2, scale=1)
    ob.scan(picture, sliding, tmp_path / "map.zarr", executor=1)
    found = again(picture, sliding, tmp_path / "map.zarr", executor=1)
    assert (found.scores[0][:] == 0).all()
    assert (found.scores[1][:] == 0).all()
