"""Maps in the hands of those who know Zarr, NGFF and xarray, and nothing of onebyone."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray
import yaozarrs

import onebyone as ob


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ob.Map:
    """A map of three levels and several tiles."""
    monkeypatch.setattr("onebyone.scans.fitting._PIXELS", 2**14)
    monkeypatch.setattr("onebyone.scans.layout._COARSEST", 16)
    image = np.random.default_rng(0).integers(0, 256, (1, 200, 300), np.uint8)
    sliding = ob.slide("nin-digits", stride=8)
    return ob.scan(image, sliding, tmp_path / "map.zarr", values="probabilities").open()


def test_xarray_opens_it_with_the_centres_of_windows(made: ob.Map) -> None:
    opened = xarray.open_zarr(made.path)
    assert opened.scores.dims == ("c", "y", "x")
    np.testing.assert_array_equal(opened.y, 13.5 + 8 * np.arange(22))
    np.testing.assert_array_equal(opened.x, 13.5 + 8 * np.arange(35))
    np.testing.assert_array_equal(opened.scores, made.scores[0][:])
    assert bool((opened.state == 1).all())


def test_it_is_valid_ngff(made: ob.Map) -> None:
    yaozarrs.validate_zarr_store(str(made.path))


def test_coarser_levels_lie_at_the_centres_of_what_they_are_made_of(made: ob.Map) -> None:
    (scales,) = json.loads((made.path / "zarr.json").read_text())["attributes"]["ome"][
        "multiscales"
    ]
    assert len(scales["datasets"]) == len(made.scores) == 3
    y = 13.5 + 8 * np.arange(22.0)
    for level, each in zip(made.scores, scales["datasets"], strict=True):
        scale, move = each["coordinateTransformations"]
        found = move["translation"][1] + scale["scale"][1] * np.arange(level.shape[1])
        whole = len(y) // 2 * 2
        np.testing.assert_allclose(found[: len(y)], y[: len(found)])
        y = y[:whole].reshape(-1, 2).mean(1)
        y = np.append(y, y[-1] + 2 * scale["scale"][1]) if whole < level.shape[1] else y
    fine, coarse = made.scores[0][:], made.scores[1][:]
    np.testing.assert_allclose(coarse[:, 0, 0], fine[:, :2, :2].mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(coarse[:, 0, -1], fine[:, :2, -1:].mean((1, 2)), rtol=1e-5)
