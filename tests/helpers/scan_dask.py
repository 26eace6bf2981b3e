"""Schedulers and workers of Dask that a test ends, and images that end who reads them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np

from onebyone.scans.sources.arrays import ArraySource

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(sys.path),
    "OMP_NUM_THREADS": "1",
    "DASK_DISTRIBUTED__DASHBOARD__LINK": "",
}


class Slow(ArraySource):
    """An image each part of which takes a while."""

    def __init__(self, pixels: np.ndarray, seconds: float) -> None:
        super().__init__(pixels, {}, 2)
        self.seconds = seconds

    def _read(self, level, start, size):
        time.sleep(self.seconds)
        return super()._read(level, start, size)


class Deadly(ArraySource):
    """An image that kills whoever reads one part of it."""

    def __init__(self, pixels: np.ndarray, start: tuple[int, ...]) -> None:
        super().__init__(pixels, {}, 2)
        self.deadly = start

    def _read(self, level, start, size):
        if start == self.deadly and size[0] > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._read(level, start, size)


@contextmanager
def process(*words: str):
    """A process that is killed at the end."""
    found = subprocess.Popen(
        [sys.executable, "-m", *words],
        env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield found
    finally:
        found.kill()
        found.wait()


@contextmanager
def scheduler(folder):
    """A scheduler: its process, and its address."""
    import json

    file = folder / "scheduler.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]
    with process("distributed.cli.dask_scheduler", *words) as found:
        for _ in range(600):
            if file.exists() and file.read_text():
                break
            time.sleep(0.1)
        yield found, json.loads(file.read_text())["address"]


@contextmanager
def worker(address: str, folder, *words: str):
    """A worker of one thread that has begun, which nobody starts again."""
    from distributed import Client

    words = ("--no-nanny", "--nthreads", "1", "--no-dashboard", *words)
    words = (address, "--local-directory", str(folder), *words)
    with process("distributed.cli.dask_worker", *words) as found:
        with Client(address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)
        yield found
