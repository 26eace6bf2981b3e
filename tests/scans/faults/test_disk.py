"""Disks that are full, or that do not take what is written."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import onebyone as ob
from helpers.scan_runs import digests
from onebyone.cli.main import main
from onebyone.scans import durable

PLAIN = durable.write


def full_after(monkeypatch, files):
    """Have a disk that takes so many files more."""
    left = [files]
    plain = os.fsync

    def fsync(handle):
        if str(Path(f"/proc/self/fd/{handle}").readlink()).endswith(durable.PARTIAL):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        plain(handle)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("files", [0, 3, 14, 15, 16, 40, 75, 77])
def test_a_full_disk_is_named_and_the_scan_goes_on_when_there_is_room(
    undisturbed, sliding, picture, tmp_path, monkeypatch, files
):
    path = tmp_path / "map.zarr"
    with monkeypatch.context() as patch:
        full_after(patch, files)
        with pytest.raises(OSError, match="No space left") as caught:
            ob.scan(picture, sliding, path, executor=2)
    assert caught.value.errno == errno.ENOSPC
    assert "map.zarr" in caught.value.filename
    assert not caught.value.filename.endswith(durable.PARTIAL)
    assert {p.name for p in tmp_path.iterdir()} <= {"undisturbed.zarr", "map.zarr"}
    ob.scan(picture, sliding, path, executor=1, resume=True)
    assert digests(path) == undisturbed


def test_the_command_line_says_which_file_could_not_be_written(tmp_path, monkeypatch, capsys):
    from PIL import Image

    picture = tmp_path / "page.png"
    Image.new("L", (200, 200), 90).save(picture)
    full_after(monkeypatch, 8)
    target = tmp_path / "map.zarr"
    words = ["scan", str(picture), "--model", "nin-digits", "--to", str(target)]
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.err.splitlines()[-1].startswith(f"onebyone: {target}")
    assert "No space left on device" in told.err
    assert len(told.err.splitlines()) == 1


def test_a_limit_of_file_sizes_is_as_a_full_disk(tmp_path):
    script = """
import resource, signal, sys
import numpy as np
from helpers import scan_runs
import onebyone as ob
scan_runs.small_tiles()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sliding, picture = scan_runs.sliding_model(), scan_runs.picture()
ob.scan(picture, sliding, sys.argv[1], executor=1)
before = scan_runs.digests(__import__("pathlib").Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2048, resource.RLIM_INFINITY))
try:
    ob.scan(picture, sliding, sys.argv[1], executor=1, overwrite=True)
except OSError as error:
    print(error.errno, error.filename)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
ob.scan(picture, sliding, sys.argv[1], executor=1, resume=True)
assert scan_runs.digests(__import__("pathlib").Path(sys.argv[1])) == before
"""
    path = tmp_path / "map.zarr"
    tests = str(Path(__file__).parents[2])
    found = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([tests, *sys.path])},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"{errno.EFBIG} {tmp_path}")


@pytest.mark.parametrize("which", ["file", "folder"])
@pytest.mark.parametrize("name", ["scores", "state"])
def test_a_tile_whose_bytes_are_not_synced_is_not_recorded(
    undisturbed, sliding, picture, tmp_path, monkeypatch, which, name
):
    path, plain = tmp_path / "map.zarr", os.fsync
    struck = []

    def fsync(handle):
        told = str(Path(f"/proc/self/fd/{handle}").readlink())
        inside = f"/map.zarr/{name}/c" in told and bool(struck or told.count("/c/"))
        if inside and told.endswith(durable.PARTIAL) == (which == "file"):
            struck.append(told)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        plain(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match="Input/output error") as caught:
            ob.scan(picture, sliding, path, executor=1)
    assert f"/{name}/c/" in caught.value.filename
    assert struck
    assert not [p for p in (path / "state" / "c").rglob("*") if p.is_file()]
    run = ob.scan(picture, sliding, path, executor=1, resume=True)
    assert (run.before, run.counts.tiles) == (0, 30)
    assert digests(path) == undisturbed
