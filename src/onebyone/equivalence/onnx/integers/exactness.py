"""One part of both files on integers: equal, or where it differs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from onebyone.equivalence.ladder import Undecided
from onebyone.equivalence.onnx.bodies import bodies
from onebyone.equivalence.onnx.integers.draws import Draw
from onebyone.equivalence.onnx.integers.regions import Region
from onebyone.equivalence.onnx.integers.running import run
from onebyone.equivalence.onnx.runtime import Feeds

DENSITIES = (1.0, 0.25, 0.0625, 0.015625)
"""What part of the weights stays other than zero, the first that keeps sums exact."""
SEEDS = 4
Surroundings = Mapping[str, np.ndarray]
"""What the values around the parts are in one run of the whole file."""


def difference_in(first: Region, second: Region, runs: Sequence[Surroundings]) -> str:
    """What differs on integers, empty where nothing does.

    A scale (alpha, beta) of the original may be in the other file's weights or beside them, and a
    power of two in any constant; no other way gives equal results.
    """
    around = [node.op_type for part in (first, second) for node in part.nodes if bodies(node)]
    if around:
        raise Undecided(f"it is around graphs within {', '.join(sorted(set(around)))}")
    if first.inexact != second.inexact:
        old, new = (", ".join(part.inexact) or "none" for part in (first, second))
        operators = f"{old} before, {new} after"
        raise Undecided(f"operators beyond integers: {operators}")
    fault = _difference(first, second, runs)
    if fault and (first.scaled or second.scaled):
        fault = _difference(first, second, runs, folded=True)
    if fault and not (first.rounds or second.rounds):
        fault = _difference(first, second, runs, kept=True)
    return fault


def _difference(
    first: Region,
    second: Region,
    runs: Sequence[Surroundings],
    *,
    folded: bool = False,
    kept: bool = False,
) -> str:
    faults: list[str] = []
    density = DENSITIES[0]
    for seed in range(SEEDS):
        feeds = _feeds(first, second, runs[seed % len(runs)], seed)
        draw = Draw(seed, folded, density, kept)
        fault = "" if not seed else _fault(run(first, feeds, draw)[0], second, feeds, draw)
        if fault or not seed:
            # A density that was thin enough for one draw seldom is not for the next.
            draw, expected = _exact(first, feeds, draw)
            fault = _fault(expected, second, feeds, draw)
        faults += filter(None, [fault])
        # Where results are rounded to integers, another order of summing may tip one, once.
        if len(faults) > bool(first.inexact):
            return faults[0]
        density = draw.density
    return ""


def _fault(expected: np.ndarray, second: Region, feeds: Feeds, draw: Draw) -> str:
    """How the second region's result differs from the first one's, empty where it does not."""
    given, _ = run(second, feeds, draw)
    if expected.shape != given.shape:
        return f"shapes {expected.shape} before and {given.shape} after"
    # Only what is no number is unlike itself.
    unlike = (expected != given) & ((expected == expected) | (given == given))  # noqa: PLR0124
    places = np.argwhere(unlike)
    if not len(places):
        return ""
    at = tuple(int(index) for index in places[0])
    return f"element {list(at)} is {expected[at]} before and {given[at]} after"


def _feeds(first: Region, second: Region, values: Surroundings, seed: int) -> Feeds:
    """Integers for the values that either region starts from."""
    rng = np.random.default_rng(seed)
    return {name: _drawn(values[name], rng) for name in dict.fromkeys(first.starts + second.starts)}


def _exact(first: Region, feeds: Feeds, draw: Draw) -> tuple[Draw, np.ndarray]:
    """The draw, its weights thinned out until no sum in the first region is rounded; its result."""
    for density in DENSITIES:
        if density > draw.density:
            continue
        thinner = replace(draw, density=density, kept=False)
        result, sums = run(first, feeds, thinner, bounded=True)
        if sums < 1.0:
            if not draw.kept:
                return thinner, result
            kept = replace(thinner, kept=True)
            return kept, run(first, feeds, kept)[0]
    raise Undecided("sums beyond exact integers")


def _drawn(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Small integers in place of floats; shapes, places and quantised values stay."""
    drawn = rng.integers(-3, 4, value.shape).astype(value.dtype)
    return drawn if np.issubdtype(value.dtype, np.floating) else value
