"""Running cases: each side made, checked against crops, and timed by turns."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from onebyone.bench.cases import Case
from onebyone.bench.machine import run_noting_memory
from onebyone.bench.results import CaseResult
from onebyone.bench.sides import Subject, makers, prepare
from onebyone.bench.timing import BUDGET, SHORTEST, Timing
from onebyone.errors import InputError
from onebyone.turns import by_turns

SECONDS = 1.5
"""A round of crops takes about this long; more windows than that are extrapolated."""

BACKENDS = ("torch", "onnxruntime", "openvino")
"""Those that compile in seconds; "inductor" takes minutes for a network with padding."""


def run_case(
    case: Case,
    *,
    rounds: int,
    backends: Sequence[str] = BACKENDS,
    seconds: float = SECONDS,
    say: Callable[[str], None] = lambda _: None,
) -> CaseResult:
    """Measure one case.

    Args:
        case: what is measured.
        rounds: how often each side runs.
        backends: what runs the emitted graph, and the crops.
        seconds: how long a round of crops may take; windows beyond that are extrapolated.
        say: told what is done now.
    """
    try:
        say("preparing")
        subject = prepare(case, seconds)
    except InputError as error:
        return CaseResult(case.name, case.window, case.stride, case.size, skipped=str(error))
    runs: dict[int, Callable[[], Any]] = {}
    timings: list[Timing] = []
    skipped: list[Timing] = []
    with torch.inference_mode(not case.training):
        for name, backend, kind, make in makers(case, backends):
            say(f"preparing {name}, {backend}")
            try:
                side = make(subject, backend)
            except InputError as error:
                skipped.append(Timing(name, backend, "", skipped=str(error)))
                continue
            result, memory = run_noting_memory(side.run)
            difference = _difference(subject, kind, result)
            runs[len(timings)] = side.run
            timings.append(Timing(name, backend, kind, (), side.windows, memory, difference))
        say("timing")
        times = by_turns(runs, rounds, each=BUDGET, shortest=min(seconds, SHORTEST))
    timed = [replace(t, seconds=tuple(times[number])) for number, t in enumerate(timings)]
    plan = subject.sliding.plan(*case.size)
    return CaseResult(
        case.name, case.window, case.stride, case.size, plan.grid, plan.crops, plan.multiply_adds,
        (*timed, *skipped),
    )  # fmt: skip


def _difference(subject: Subject, kind: str, result: Any) -> float | None:
    """How far a side's scores are from crops, where it gives them in the order of the grid."""
    if kind == "crops":
        return subject.difference(result)
    if kind in ("onebyone", "image"):
        return subject.difference(subject.at_places(result))
    if kind == "converted" and len(result) == 1:
        whole = result[0][(..., *(slice(0, m) for m in subject.grid))]
        return subject.difference(subject.at_places(whole))
    return None
