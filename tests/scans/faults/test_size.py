"""Images of billions of pixels take no more memory, and scans of many tiles go on at once."""

import json
import os
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

import onebyone as ob
from helpers import scan_runs
from onebyone.scans import fitting, store
from onebyone.scans.layout import Layout
from onebyone.scans.tiling import Tiling
from onebyone.scans.values import values_of

SCRIPT = """
import json, resource, sys, threading, time
import numpy as np
from torch import nn
import onebyone as ob
import zarr.core.sync  # as coarser levels do, which the smallest has not

class Made:
    "An image that is made as it is read."
    dtype = np.dtype(np.uint8)
    def __init__(self, side):
        self.shape = (1, side, side)
    def __getitem__(self, where):
        lines = [np.arange(*s.indices(n)) % 256 for s, n in zip(where[1:], self.shape[1:])]
        return (lines[0].astype(np.uint8)[:, None] ^ lines[1].astype(np.uint8))[None]

net = nn.Sequential(nn.AvgPool2d(32), nn.Flatten(), nn.Linear(1, 2)).eval()
sliding = ob.slide(net, (1, 32, 32), 32, scale=1 / 255)
run = ob.scan(Made(int(sys.argv[1])), sliding, sys.argv[2], executor=1)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
print(json.dumps([peak, run.seconds, run.tiles, run.counts.windows]))
"""


@pytest.mark.slow
def test_the_peak_of_memory_does_not_grow_with_the_image(tmp_path):
    peaks = []
    for side in (10_000, 32_000, 64_000):
        found = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(side), str(tmp_path / f"{side}.zarr")],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr
        peak, seconds, tiles, windows = json.loads(found.stdout)
        print(f"{side**2 / 1e9:.1f} Gpx: {peak:.0f} MiB, {seconds:.0f} s, {tiles} tiles")
        assert windows == (side // 32) ** 2
        peaks.append(peak)
    assert max(peaks) < 1.15 * min(peaks)


def test_a_part_of_an_image_has_the_scores_that_it_has_in_the_whole(tiles, sliding, tmp_path):
    image = scan_runs.picture(200, 200)
    whole = ob.scan(image, sliding, tmp_path / "whole.zarr").open().scores[0][:]
    part = ob.scan(image[:, 32:140, 64:192], sliding, tmp_path / "part.zarr").open().scores[0][:]
    np.testing.assert_allclose(part, whole[:, 16:68, 32:94], rtol=0, atol=1e-6)


@pytest.mark.parametrize("side", [20, pytest.param(320, marks=pytest.mark.slow)])
def test_many_tiles_go_on_at_once(tmp_path, monkeypatch, side):
    """How long it takes is printed; what is asserted is how often the disk is asked for a tile."""
    tiling = Tiling((4 * side, 4 * side), (4, 4))
    map = store.Store(tmp_path, Layout(tiling, 1, values_of("scores", "float32")))
    shard = map._nothing
    cells = np.ones(16, np.uint8).tobytes()
    state = cells + store.google_crc32c.value(cells).to_bytes(4, "little")
    for name, content in (("scores", shard), ("state", state)):
        for tile in range(len(tiling)):
            file = map.file(name, tiling.place(tile))
            if not tile % side:
                file.parent.mkdir(parents=True)
            file.write_bytes(content)
    calls = Counter()
    for name in ("open", "fstat", "lseek", "read", "close", "scandir", "listdir", "stat"):
        plain = getattr(os, name)

        def counted(*words, plain=plain, name=name, **options):
            calls[name] += 1
            return plain(*words, **options)

        monkeypatch.setattr(os, name, counted)
    began = time.perf_counter()
    assert map.done().all()
    print(f"{len(tiling)} tiles: {time.perf_counter() - began:.1f} s")
    assert sum(calls.values()) <= 2 * 4 * len(tiling) + 4 * side + 100


def test_tiles_are_as_large_whatever_the_image(sliding):
    from onebyone.scans.positions import Positions

    shapes = []
    for side in (10_000, 100_000, 1_000_000):
        axes = (Positions(side, 6, 2),) * 2
        shapes.append(fitting.fit(sliding, axes, pixel=1, numbers=3, memory=None).shape)
    assert len(set(shapes)) == 1
