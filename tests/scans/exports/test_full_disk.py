"""A disk that is full before the file is written: an error, and nothing is left behind."""

import subprocess
import sys

import numpy as np
import pytest
import rasterio

from helpers.scan_maps import make_map
from onebyone.scans.exports import export

RUN = """
import resource, sys
from onebyone.scans.exports import export
folder, out, limit = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
options = {"top": 10_000} if out.endswith(("csv", "parquet")) else {}
try:
    export(folder, out, **options)
except OSError as error:
    sys.exit(str(error).replace(out, "OUT"))
"""
PLACE = {
    "crs": rasterio.crs.CRS.from_epsg(32633).to_wkt(),
    "transform": (1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
}


def run(folder, out, limit):
    arguments = [sys.executable, "-c", RUN, str(folder), str(out), str(limit)]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "name", ["x.npy", "x.tif", "x.ome.tif", "x.geojson", "x.png", "x.html", "x.csv", "x.parquet"]
)
def test_every_format(tmp_path, name):
    scores = np.random.default_rng(0).random((2, 150, 150)).astype(np.float32)
    folder = make_map(tmp_path / "map", scores)
    found = run(folder, tmp_path / name, 10_000)
    assert found.returncode == 1
    assert found.stderr.strip().endswith("File too large: 'OUT'")
    assert [each.name for each in tmp_path.iterdir()] == ["map"]


@pytest.mark.parametrize("share", [0.1, 0.9, 0.999])
def test_geotiffs_to_the_last_byte(tmp_path, share):
    """GDAL says nothing of what it cannot write as it closes a file."""
    scores = np.random.default_rng(0).random((2, 300, 300)).astype(np.float32)
    folder = make_map(tmp_path / "map", scores, place=PLACE)
    export(folder, tmp_path / "x.tif")
    size = (tmp_path / "x.tif").stat().st_size
    (tmp_path / "x.tif").unlink()
    found = run(folder, tmp_path / "x.tif", int(size * share))
    assert found.returncode == 1
    assert "OUT: cannot be written" in found.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["map"]
