"""Workers of Dask that die, or are not there."""

import random
import signal
import threading
import time
from concurrent.futures import Executor

import pytest

import onebyone as ob
from helpers import scan_runs
from helpers.scan_dask import Deadly, Slow, scheduler, worker
from helpers.scan_runs import digests
from onebyone.scans import layout
from onebyone.scans.driving import Driver

distributed = pytest.importorskip("distributed")
psutil = pytest.importorskip("psutil")
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def tiles(tiles, monkeypatch):
    """Small tiles, and no coarser levels: those that workers see are of their own process."""
    monkeypatch.setattr(layout, "_COARSEST", 512)


@pytest.fixture
def impatient(monkeypatch):
    """A scan that waits two seconds for workers."""
    defaults = Driver.__init__.__defaults__
    monkeypatch.setattr(Driver.__init__, "__defaults__", (2.0, *defaults[1:]))


def workers_here():
    """The processes of workers that this one has begun."""
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_20_kills_of_workers_leave_the_same_bytes(tiles, sliding, tmp_path):
    picture = scan_runs.picture(300, 380)
    source = Slow(picture, 0.1)
    plain = ob.scan(source, sliding, tmp_path / "plain.zarr", executor=4)
    chance, moved, over, killed = random.Random(0), threading.Event(), threading.Event(), []

    def kill():
        while len(killed) < 20 and not over.is_set():
            if chance.random() < 0.7:  # otherwise one is killed while it starts
                moved.clear()
                moved.wait(20)
            time.sleep(chance.uniform(0, 0.5))
            here = workers_here()
            if here and not over.is_set():
                chance.choice(here).send_signal(signal.SIGKILL)
                killed.append(1)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        run = ob.scan(
            source, sliding, tmp_path / "map.zarr", executor="local:2",
            progress=lambda _: moved.set(),
        )  # fmt: skip
    finally:
        over.set()
        killer.join()
    print(f"{len(killed)} workers were killed")
    assert len(killed) == 20
    assert run.failed == {}
    assert digests(run.path) == digests(plain.path)


@pytest.mark.slow
def test_a_tile_that_kills_its_worker_is_left_out_after_three_tries(
    undisturbed, sliding, picture, tmp_path
):
    start = (32, 64)  # of the sixth tile or so
    path = tmp_path / "map.zarr"
    with pytest.warns(UserWarning, match=r"tile \d+ is left out: its worker died 3 times"):
        run = ob.scan(Deadly(picture, start), sliding, path, executor="local:2")
    assert list(run.failed) == [8]
    assert run.counts.tiles == 29
    assert not list(path.glob(".*"))
    again = ob.scan(Deadly(picture, (-1, -1)), sliding, path, executor="local:1", resume=True)
    assert (again.before, again.failed) == (29, {})
    name = {"zarr.json": ""}  # the image is called otherwise
    assert digests(path) | name == undisturbed | name


def test_without_workers_the_scan_ends(tiles, sliding, picture, tmp_path, impatient):
    with scheduler(tmp_path) as (_, address):
        with pytest.raises(ob.InputError, match=r"no worker has been there for 2 s; .* --resume$"):
            ob.scan(picture, sliding, tmp_path / "map.zarr", executor=address)
        with worker(address, tmp_path) as only:
            source, seen = Slow(picture, 0.1), []

            def progress(told):
                seen.append(told.tiles)
                only.kill()

            with pytest.raises(ob.InputError, match=r"no worker has been there for 2 s"):
                ob.scan(source, sliding, tmp_path / "b.zarr", executor=address, progress=progress)
            assert seen
    run = ob.scan(source, sliding, tmp_path / "b.zarr", resume=True)
    assert run.before >= 1
    assert run.failed == {}


def test_without_its_scheduler_the_scan_ends(tiles, sliding, picture, tmp_path, impatient):
    source = Slow(picture, 0.1)
    with scheduler(tmp_path) as (process, address), worker(address, tmp_path):
        began = time.monotonic()
        with pytest.raises(
            ob.InputError, match="what is done is kept: go on with --resume"
        ) as told:
            ob.scan(
                source, sliding, tmp_path / "map.zarr", executor=address,
                progress=lambda _: process.kill(),
            )  # fmt: skip
        print(told.value, time.monotonic() - began)
    run = ob.scan(source, sliding, tmp_path / "map.zarr", resume=True)
    assert run.before >= 1
    assert run.failed == {}


class Counting(Executor):
    """Counts the calls of another executor that have not ended."""

    def __init__(self, executor):
        self.executor, self.running, self.most, self.lock = executor, 0, 0, threading.Lock()

    def submit(self, *words):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        future = self.executor.submit(*words)
        future.add_done_callback(self.ended)
        return future

    def ended(self, _):
        with self.lock:
            self.running -= 1


def test_few_tiles_are_in_flight_whatever_the_workers_have():
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0",
        resources={"GPU": 1},
    )  # fmt: skip
    with cluster, distributed.Client(cluster, set_as_default=False) as client:
        from onebyone.scans.dask import workers_of_client

        workers = workers_of_client(client.get_executor(retries=0, pure=False))
        assert workers.count() == 2
        counting = Counting(workers.executor)
        driver = Driver(counting, workers.count, workers.is_lost)
        found = list(driver.run(abs, range(1000)))
        assert sorted(found) == [(n, n, "") for n in range(1000)]
        assert counting.most == 4 * 2


def test_a_model_and_an_image_of_main_are_carried_to_workers(tmp_path):
    import os
    import subprocess
    import sys

    script = tmp_path / "own script ü.py"
    script.write_text(
        """
import numpy as np, torch, os
from torch import nn
import onebyone as ob
class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(36, 2)
    def forward(self, x):
        return self.line(x.flatten(1)).relu()
if __name__ == "__main__":
    torch.manual_seed(0)
    sliding = ob.slide(Own().eval(), (1, 6, 6), 2, scale=1)
    image = np.arange(40 * 50, dtype=np.uint16).reshape(1, 40, 50)
    for executor in ("local:2", 1):
        run = ob.scan(image, sliding, f"{executor}.zarr".replace(":", ""), executor=executor)
    a, b = (ob.open_map(name).scores[0][:] for name in ("local2.zarr", "1.zarr"))
    assert (a == b).all() and run.counts.windows == 18 * 23
    print("same")
"""
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment,
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip
    assert found.stdout == "same\n", found.stderr
    assert "Traceback" not in found.stderr


def test_a_scheduler_that_is_not_there(tiles, sliding, picture, tmp_path, monkeypatch):
    from onebyone.scans import dask

    monkeypatch.setattr(dask, "_TIMEOUT", "1s")
    before = set(distributed.Client._instances)
    for address in ("tcp://127.0.0.1:9", "nonsense", "local:0", "local:", "local:x", "http://x"):
        with pytest.raises(ob.InputError) as told:
            ob.scan(picture, sliding, tmp_path / "map.zarr", executor=address, resume=True)
        assert str(told.value).startswith(f"executor={address!r}: ")
        assert "\n" not in str(told.value)
        left = distributed.Client._instances - before
        assert not left, "one that is collected while another begins would stop it for ever"
