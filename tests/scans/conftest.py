"""Scans of many small tiles, which a test can take in."""

import os

import pytest

from helpers import scan_runs
from onebyone.scans import fitting, layout


@pytest.fixture
def tiles(monkeypatch):
    """Tiles of 8 x 8 windows or so, in place of those that take a second each."""
    monkeypatch.setattr(fitting, "_PIXELS", fitting._PIXELS)
    monkeypatch.setattr(fitting, "_HALOS", fitting._HALOS)
    monkeypatch.setattr(layout, "_COARSEST", layout._COARSEST)
    scan_runs.small_tiles()


@pytest.fixture(scope="session")
def sliding():
    """A small network that slides over pixels of 8 bits."""
    return scan_runs.sliding_model()


@pytest.fixture
def picture():
    return scan_runs.picture()


@pytest.fixture
def undisturbed(tiles, sliding, picture, tmp_path):
    """The files of a map that nothing has disturbed."""
    import onebyone as ob

    run = ob.scan(picture, sliding, tmp_path / "undisturbed.zarr", executor=1)
    assert run.tiles == 30
    return scan_runs.digests(run.path)


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch):
    """Files are not synced: that takes most of the time of small tiles."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
