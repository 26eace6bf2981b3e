"""Two scans on one map."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import onebyone as ob
from helpers.scan_runs import digests

HOLDER = """
import sys, time
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


def hold(path):
    """Another process that holds the lock of a map."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path / ".lock")], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    return holder


@pytest.mark.parametrize("again", ["resume", "overwrite"])
def test_the_second_is_refused_and_a_dead_owner_s_lock_is_taken_over(
    tiles, sliding, picture, tmp_path, again
):
    path = tmp_path / "map.zarr"
    ob.scan(picture, sliding, path)
    before = digests(path)
    holder = hold(path)
    try:
        with pytest.raises(ob.InputError, match=r"map.zarr: another scan writes to it$"):
            ob.scan(picture, sliding, path, **{again: True})
        assert digests(path) | {".lock": ""} == before | {".lock": ""}
        assert [p.name for p in Path(tmp_path).iterdir()] == ["map.zarr"]
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    ob.scan(picture, sliding, path, **{again: True})
    assert digests(path) == before


def test_it_is_locked_from_its_first_moment_to_its_last(tiles, sliding, picture, tmp_path):
    path, told = tmp_path / "map.zarr", []

    def second(progress):
        with pytest.raises(ob.InputError, match="another scan writes to it"):
            ob.scan(picture, sliding, path, resume=True)
        told.append(progress.tiles)

    ob.scan(picture, sliding, path, executor=1, progress=second)
    assert told == list(range(1, 31))
    assert not (path / ".lock").exists()


def test_of_two_that_begin_at_once_one_is_refused(tiles, sliding, picture, tmp_path):
    path, told, together = tmp_path / "map.zarr", [], threading.Barrier(3)

    def begin():
        together.wait()
        try:
            told.append(ob.scan(picture, sliding, path, executor=1))
        except ob.InputError as error:
            told.append(str(error))

    threads = [threading.Thread(target=begin) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    lines = [each for each in told if isinstance(each, str)]
    assert len(lines) == 2
    assert all("another scan" in line or "is there" in line for line in lines)
    assert [p.name for p in Path(tmp_path).iterdir()] == ["map.zarr"]
    assert (ob.open_map(path).state[:] == 1).all()


def test_what_dead_scans_have_left_beside_is_removed_and_what_live_ones_have_is_not(
    tiles, sliding, picture, tmp_path
):
    dead, live = tmp_path / ".map.zarr.0a.partial", tmp_path / ".map.zarr.0b.partial"
    other = tmp_path / ".else.zarr.0a.partial"
    for each in (dead, live, other):
        (each / "scores").mkdir(parents=True)
    holder = hold(live)
    try:
        ob.scan(picture, sliding, tmp_path / "map.zarr")
    finally:
        holder.kill()
        holder.communicate()
    assert sorted(p.name for p in Path(tmp_path).iterdir()) == [other.name, live.name, "map.zarr"]


def test_a_disk_without_locks_is_named(tiles, sliding, picture, tmp_path, monkeypatch):
    from filelock import FileLock

    def refuse(self, **_):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(ob.InputError, match=r"map.zarr: lies on a disk that knows no locks"):
        ob.scan(picture, sliding, Path(tmp_path / "map.zarr"))
    assert [p.name for p in Path(tmp_path).iterdir()] == []
