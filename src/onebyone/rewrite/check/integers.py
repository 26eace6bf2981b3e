"""Both files on small integers, where float arithmetic is exact and results must be equal.

In every part in which the files differ the weights become small integers. Each is a function of
the weight's own value, so both files get the same ones however their weights are laid out, and
nothing needs to be known of how one file was made from the other. After an operator that leaves
the integers (an activation, a normalisation) its result is rounded to integers again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx

from onebyone.rewrite.check.feeds import DoesNotRun, Feeds, drawn, outputs, session
from onebyone.rewrite.check.integral import Draw, products, run
from onebyone.rewrite.check.reading import load
from onebyone.rewrite.check.regions import Region, differing
from onebyone.rewrite.check.sizes import Undecided
from onebyone.rewrite.report import Check

NAME = "integers"
DENSITIES = (1.0, 0.25, 0.0625, 0.015625)
"""What part of the weights stays other than zero, the first that keeps sums exact."""
SEEDS = 4
RUNS = 2


@dataclass(frozen=True)
class Kind:
    """A value in one run: its shape and element type, and its elements where they are no floats.

    Those are shapes, places and quantised values, which not every integer can stand for.
    """

    shape: tuple[int, ...]
    element: np.dtype
    held: np.ndarray | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.element} {list(self.shape)}"

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Small integers of this kind."""
        drawn = rng.integers(-3, 4, self.shape).astype(self.element)
        return drawn if self.held is None else self.held


class Unlike(Exception):
    """An output has another shape or type."""


Kinds = Mapping[str, Kind]


def integers(before: Path, after: Path) -> Check:
    """Run every part in which the files differ on integers, in both forms."""
    try:
        pairs, kinds = _pairs(before, after)
        unsure = []
        for first, second in pairs:
            try:
                fault = _compare(first, second, kinds)
            except Undecided as reason:
                unsure.append(f"{first.end} ({reason})")
                continue
            if fault:
                return Check(NAME, False, f"{fault}; the part {first}")
    except Undecided as reason:
        return Check(NAME, False, f"undecided: {reason}")
    except Unlike as fault:
        return Check(NAME, False, str(fault))
    except DoesNotRun as error:
        return Check(NAME, False, f"does not run: {error}")
    if not pairs:
        return Check(NAME, True, "no part differs")
    detail = f"{len(pairs) - len(unsure)} of {len(pairs)} parts that differ are equal on integers"
    if unsure:
        detail += f"; undecided: {', '.join(unsure)}"
    return Check(NAME, not unsure, detail)


def _pairs(before: Path, after: Path) -> tuple[list[tuple[Region, Region]], Sequence[Kinds]]:
    """The parts that differ, and the kinds of the values around them in runs of other sizes.

    A name whose shapes differ does not mean the same in both files: parts reach across it.
    """
    first, second = load(before), load(after)
    ends = {str(value.name) for value in first.graph.outputs}
    original = session(before, optimised=False)
    runs = [drawn(original, np.random.default_rng(seed)) for seed in range(RUNS)]
    ignored: set[str] = set()
    while True:
        pairs = differing(first.graph, second.graph, ignored)
        names = {name for pair in pairs for region in pair for name in (region.end, *region.starts)}
        kinds = _kinds(before, names, runs)
        unlike: set[str] = set()
        for old, new in zip(kinds, _kinds(after, names, runs), strict=True):
            different = {name for name in names if old.get(name) != new.get(name)}
            for name in sorted(different & ends):
                raise Unlike(f"output {name} is {old.get(name)} before and {new.get(name)} after")
            unlike |= different
        if not unlike:
            return pairs, kinds
        ignored |= unlike


def _kinds(path: Path, names: set[str], runs: Sequence[Feeds]) -> list[Kinds]:
    """Kinds of values in runs of the whole file."""
    model = onnx.load(path, load_external_data=False)
    made = {output for node in model.graph.node for output in node.output}
    del model.graph.output[:]
    for name in sorted(names & made):
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    if not model.graph.output:
        return [{}] * len(runs)
    running = session(model.SerializeToString(), optimised=False, folder=path.parent)
    return [
        {
            name: Kind(a.shape, a.dtype, None if np.issubdtype(a.dtype, np.floating) else a)
            for name, a in (feeds | outputs(running, feeds)).items()
        }
        for feeds in runs
    ]


def _compare(first: Region, second: Region, kinds: Sequence[Kinds]) -> str:
    """What differs on integers, empty where nothing does.

    A scale (alpha, beta) of the original may be in the other file's weights or beside them; no
    third way gives equal results.
    """
    if first.inexact != second.inexact:
        operators = f"{', '.join(first.inexact)} before, {', '.join(second.inexact)} after"
        raise Undecided(f"operators beyond integers: {operators}")
    fault = _difference(first, second, kinds, folded=False)
    if fault and (first.scaled or second.scaled):
        fault = _difference(first, second, kinds, folded=True)
    return fault


def _difference(first: Region, second: Region, kinds: Sequence[Kinds], folded: bool) -> str:
    faults: list[str] = []
    for seed in range(SEEDS):
        some = kinds[seed % len(kinds)]
        draw, feeds, expected = _exact(first, second, some, Draw(seed, folded))
        given = run(second, feeds, draw, [])[second.end]
        faults += filter(None, [_unequal(expected, given)])
        # Where results are rounded to integers, another order of summing may tip one, once.
        if len(faults) > bool(first.inexact):
            return faults[0]
    return ""


def _unequal(expected: np.ndarray, given: np.ndarray) -> str:
    if expected.shape != given.shape:
        return f"shapes {expected.shape} before and {given.shape} after"
    # Only what is no number is unlike itself.
    unlike = (expected != given) & ((expected == expected) | (given == given))  # noqa: PLR0124
    places = np.argwhere(unlike)
    if not len(places):
        return ""
    at = tuple(int(index) for index in places[0])
    return f"element {list(at)} is {expected[at]} before and {given[at]} after"


def _exact(
    first: Region, second: Region, kinds: Kinds, draw: Draw
) -> tuple[Draw, Feeds, np.ndarray]:
    """Integers on which no sum is rounded, and the first region's result on them."""
    rng = np.random.default_rng(draw.seed)
    starts = dict.fromkeys((*first.starts, *second.starts))
    feeds = {name: kinds[name].draw(rng) for name in starts}
    for density in DENSITIES:
        thinner = Draw(draw.seed, draw.folded, density)
        results = run(first, feeds, thinner, first.linear_inputs)
        if products(first, feeds | results, thinner) < 1.0:
            return thinner, feeds, results[first.end]
    raise Undecided("sums beyond exact integers")
