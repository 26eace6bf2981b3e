"""A scan that is killed at any moment goes on to the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import helpers

SCRIPT = Path(__file__).with_name("killed.py")


def run_killed(folder, kills):
    path = os.pathsep.join([str(Path(helpers.__file__).parents[1]), *sys.path])
    found = subprocess.run(
        [sys.executable, SCRIPT, folder, str(kills)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@pytest.mark.slow
def test_40_kills_leave_the_same_bytes(tmp_path):
    found = run_killed(tmp_path, 40)
    assert sum(found["kills"].values()) >= 40
    assert min(found["kills"].values()) >= 3
    assert found["finished"] >= 1


def test_a_few_kills_leave_the_same_bytes(tmp_path):
    assert sum(run_killed(tmp_path, 4)["kills"].values()) >= 4
