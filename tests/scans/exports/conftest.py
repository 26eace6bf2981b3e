"""Maps that several tests of exports look at."""

import numpy as np
import pytest

from helpers.scan_maps import make_map
from onebyone.scans.exports import stripes

CLASSES = ["tumour <&>", "Fettgewebe ü", "background"]


@pytest.fixture
def scores():
    """Shares of three classes at 37 × 53 windows, some of which have none."""
    rng = np.random.default_rng(2)
    found = rng.dirichlet(np.ones(3), (37, 53)).transpose(2, 0, 1).astype(np.float32)
    found[:, 5:9, 10:30] = np.nan
    return found


@pytest.fixture
def state(scores):
    return np.where(np.isnan(scores[0]), 2, 1)


@pytest.fixture
def folder(tmp_path, scores, state):
    """A map in chunks that fit nothing, with two coarser levels."""
    return make_map(
        tmp_path / "map.zarr",
        scores,
        state=state,
        coarser=2,
        classes=CLASSES,
        chunks=(2, 5, 7),
        spacing=(0.5, 0.25),
    )


@pytest.fixture(params=[1, 3000, 2**25], ids=["a row", "some rows", "whole"])
def stripe(request, monkeypatch):
    """How much of a map is held at a time."""
    monkeypatch.setattr(stripes, "STRIPE", request.param)
