"""Room for tiles at a time."""

import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

import pytest

import onebyone as ob
from onebyone.scans import scanning
from onebyone.scans.room import Room
from onebyone.scans.tile import Job


def most_at_a_time(room, threads=6):
    lock, inside, seen = Lock(), [0], []

    def work(_):
        with room:
            with lock:
                inside[0] += 1
                seen.append(inside[0])
            time.sleep(0.01)
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(4 * threads)))
    return max(seen)


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_than_there_is_room_for(most):
    assert most_at_a_time(Room(most)) == most
    assert most_at_a_time(pickle.loads(pickle.dumps(Room(most)))) == most


def test_room_for_any_number():
    assert most_at_a_time(Room(None)) > 3


def test_a_thread_that_fails_leaves_its_place():
    room = Room(1)
    with pytest.raises(ValueError, match="failed"), room:
        raise ValueError("failed")
    assert most_at_a_time(room) == 1


def test_tiles_of_an_executor_that_is_given_stay_within_the_memory(
    tiles, sliding, picture, tmp_path, monkeypatch
):
    lock, inside, seen = Lock(), [0], []
    plain = Job._run

    def watched(self, windows):
        with lock:
            inside[0] += 1
            seen.append(inside[0])
        try:
            return plain(self, windows)
        finally:
            with lock:
                inside[0] -= 1

    monkeypatch.setattr(Job, "_run", watched)
    fit = scanning.fit
    monkeypatch.setattr(scanning, "fit", lambda *a, **k: replace(fit(*a, **k), at_a_time=2))
    with ThreadPoolExecutor(8) as pool:
        run = ob.scan(picture, sliding, tmp_path / "many.zarr", executor=pool)
    assert len(seen) == run.tiles > 8
    assert max(seen) == 2
