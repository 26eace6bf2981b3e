"""Functions timed by turns, so that what disturbs the machine disturbs all of them."""

import time
from collections.abc import Callable, Mapping
from math import inf
from typing import Any, TypeVar

Name = TypeVar("Name")


def by_turns(
    runs: Mapping[Name, Callable[[], Any]],
    rounds: int,
    *,
    least: int = 1,
    within: float = inf,
    each: float = inf,
    shortest: float = 0.0,
) -> dict[Name, list[float]]:
    """Time functions by turns, one run of each in a round.

    Args:
        runs: what is timed, by name.
        rounds: how many there are at most.
        least: how many there are whatever they take.
        within: seconds of all functions after which no further round begins.
        each: seconds of one function after which it runs no further.
        shortest: as for `seconds`.

    Returns:
        The seconds of each function in each round, by name.
    """
    times: dict[Name, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        if number >= least and sum(map(sum, times.values())) >= within:
            break
        for name, run in runs.items():
            if sum(times[name]) < each:
                times[name].append(seconds(run, shortest))
    return times


def seconds(run: Callable[[], Any], shortest: float = 0.0) -> float:
    """Time one run; one that takes less than `shortest` runs more often, and its mean counts."""
    start, runs, passed = time.perf_counter(), 0, 0.0
    while not runs or passed < shortest:
        run()
        runs, passed = runs + 1, time.perf_counter() - start
    return passed / runs
