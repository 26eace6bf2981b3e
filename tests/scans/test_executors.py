"""Workers, and handing jobs to them."""

from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
import torch

from onebyone.errors import InputError
from onebyone.scans.executors import workers_of, working
from onebyone.scans.handing import hand


def test_threads():
    with working(3) as workers:
        assert workers.count() == 3
        assert workers.here
        assert workers.is_lost(BrokenExecutor())
        assert not workers.is_lost(ValueError())
        assert workers.executor.submit(abs, -1).result() == 1
    with pytest.raises(RuntimeError):
        workers.executor.submit(abs, -1)


def test_by_default_as_many_as_pytorch_uses(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    with working(None) as workers:
        assert workers.count() == 5


def test_an_executor_that_is_given_stays_open():
    with ThreadPoolExecutor(4) as pool:
        with working(pool) as workers:
            assert (workers.count(), workers.here, workers.name) == (4, True, "ThreadPoolExecutor")
        assert pool.submit(abs, -1).result() == 1


@pytest.mark.parametrize("asked", [0, True, 2.0])
def test_what_is_no_number_of_threads(asked):
    with pytest.raises(InputError, match="must be a number of threads, 1 or more"):
        workers_of(asked)


@dataclass
class Job:
    factor: int

    def run(self, number):
        return self.factor * number


def test_a_job_is_run_from_its_file_and_no_other(tmp_path):
    handed = hand(Job(3), tmp_path)
    assert handed(5) == 15
    other = hand(Job(4), tmp_path)
    other.path.write_bytes(b"something else")
    with pytest.raises(InputError, match="is not the job of this scan"):
        other(5)
    with pytest.raises(InputError, match=r"a worker has onebyone .*; the scan is of 0.0"):
        replace(handed, version="0.0")(5)
    gone = hand(Job(5), tmp_path)
    gone.close()
    gone.close()
    with pytest.raises(OSError, match="a worker cannot read the scan's job"):
        gone(5)


def test_its_path_is_that_of_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hand(Job(3), tmp_path.relative_to(tmp_path)).path.is_absolute()
