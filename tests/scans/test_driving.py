"""Tiles on an executor whose workers die."""

from collections import Counter
from concurrent.futures import CancelledError, Executor, Future

import pytest

from onebyone.errors import InputError
from onebyone.scans import driving
from onebyone.scans.driving import TRIES, Driver, Unfit


class Lost(Exception):
    pass


class Played(Executor):
    """Runs calls one after another; a deadly one takes those that wait beside it along."""

    def __init__(self, deadly=(), width=4):
        self.deadly, self.width, self.tries, self.waiting = set(deadly), width, Counter(), []

    def submit(self, call, tile):
        future = Future()
        self.waiting.append((future, call, tile))
        return future

    def count(self):
        batch, self.waiting = self.waiting[: self.width], self.waiting[self.width :]
        dies = any(tile in self.deadly for _, _, tile in batch)
        for future, call, tile in batch:
            self.tries[tile] += 1
            if dies:
                future.set_exception(Lost(f"worker of {tile}"))
                continue
            try:
                future.set_result(call(tile))
            except BaseException as error:
                future.set_exception(error)
        return 1


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(driving, "_LOOK", 0.01)


def driven(executor, call, tiles):
    lost = lambda error: isinstance(error, Lost)  # noqa: E731
    return list(Driver(executor, executor.count, lost).run(call, tiles))


def test_the_tile_that_kills_is_left_out_and_those_beside_it_are_not():
    executor = Played(deadly=[7, 21])
    found = {tile: (result, why) for tile, result, why in driven(executor, abs, range(40))}
    assert sorted(found) == list(range(40))
    for tile, (result, why) in found.items():
        if tile in (7, 21):
            assert (result, why) == (None, f"its worker died 3 times (worker of {tile})")
        else:
            assert (result, why) == (tile, "")
    assert executor.tries[7] == executor.tries[21] == TRIES


def test_what_cannot_be_read_is_told_and_what_cannot_be_written_is_raised():
    def call(tile):
        if tile == 3:
            raise InputError("three:\ncannot be read")
        return tile

    found = driven(Played(), call, range(6))
    assert [why for tile, _, why in found if tile == 3] == ["three:"]
    assert len(found) == 6

    def full(tile):
        raise OSError(28, "No space")

    with pytest.raises(OSError, match="No space"):
        driven(Played(), full, range(6))


def test_an_executor_that_ends_is_named():
    def cancelled(tile):
        raise CancelledError

    with pytest.raises(InputError, match="the executor has ended; what is done is kept"):
        driven(Played(), cancelled, range(6))

    class Broken(Played):
        def submit(self, call, tile):
            raise RuntimeError("cannot schedule new futures after shutdown")

    with pytest.raises(InputError, match=r"takes no calls .cannot schedule.*go on with --resume"):
        driven(Broken(), abs, range(6))


def test_calls_that_have_not_begun_are_cancelled_when_nobody_asks_on():
    executor = Played()
    running = Driver(executor, executor.count, lambda _: False).run(abs, range(100))
    next(running)
    running.close()
    assert all(future.cancelled() or future.done() for future, _, _ in executor.waiting)


class Losing(Played):
    """Loses calls of some tiles, as often as it is said, and tells nobody."""

    def __init__(self, lost):
        super().__init__()
        self.lost = lost

    def submit(self, call, tile):
        if self.lost.get(tile, 0) > 0:
            self.lost[tile] -= 1
            return Future()
        return super().submit(call, tile)


def test_calls_that_are_lost_are_given_out_again(monkeypatch):
    monkeypatch.setattr(driving, "_FIRST", 0.05)
    executor = Losing({3: 1, 5: 2, 8: TRIES})
    driver = Driver(executor, executor.count, lambda error: False, stall=0.05)
    found = {tile: (result, why) for tile, result, why in driver.run(abs, range(12))}
    assert sorted(found) == list(range(12))
    assert found.pop(8) == (None, f"its worker died {TRIES} times (it did not end)")
    assert all(found[tile] == (tile, "") for tile in found)


def test_a_worker_that_can_run_no_tile_ends_the_scan():
    def unfit(tile):
        if tile == 20:
            raise Unfit("a worker has another version")
        return tile

    executor = Played()
    with pytest.raises(InputError, match=r"another version; what is done is kept"):
        driven(executor, unfit, range(40))
    assert executor.tries[39] == 0


def test_without_workers_it_ends_after_a_while():
    executor, looks = Played(), []

    def gone():
        looks.append(1)
        return 0

    driver = Driver(executor, gone, lambda _: False, patience=0.05)
    with pytest.raises(InputError, match=r"no worker has been there for 0 s; .* --resume$"):
        list(driver.run(abs, range(6)))
    assert len(looks) > 2
    assert all(future.cancelled() for future, _, _ in executor.waiting)


def test_workers_that_come_back_in_time_go_on(monkeypatch):
    executor, counts = Played(), [0, 1] * 50
    moment = iter(range(10**6))
    monkeypatch.setattr(driving.time, "monotonic", lambda: float(next(moment)))

    def seldom():
        return executor.count() if counts.pop() else 0

    driver = Driver(executor, seldom, lambda _: False, patience=20.0)
    assert sorted(driver.run(abs, range(40))) == [(tile, tile, "") for tile in range(40)]


@pytest.mark.parametrize("workers", [1, 3])
def test_few_tiles_are_in_flight(workers):
    class Wide(Played):
        most = 0

        def count(self):
            self.most = max(self.most, len(self.waiting))
            super().count()
            return workers

    executor = Wide(width=1)
    assert len(driven(executor, abs, range(60))) == 60
    assert executor.most == 4 * workers
