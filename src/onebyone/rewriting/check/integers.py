"""Both files on small integers, where float arithmetic is exact and results must be equal.

In every part in which the files differ the weights become small integers. Each is a function of
the weight's own value, so both files get the same ones however their weights are laid out, and
nothing needs to be known of how one file was made from the other. After an operator that leaves
the integers (an activation, a normalisation) its result is rounded to integers again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from onebyone.models import onnx_file
from onebyone.rewriting.check.bodies import Model, bodies, pairs
from onebyone.rewriting.check.feeds import DoesNotRun, Feeds, drawn, outputs, session
from onebyone.rewriting.check.integral import Draw, products, run
from onebyone.rewriting.check.reading import load
from onebyone.rewriting.check.regions import Region, differing
from onebyone.rewriting.check.sizes import Undecided
from onebyone.rewriting.report import Check

NAME = "integers"
DENSITIES = (1.0, 0.25, 0.0625, 0.015625)
"""What part of the weights stays other than zero, the first that keeps sums exact."""
SEEDS = 4
RUNS = 2
REACH = 4
"""So many times parts that differ are made to reach further."""
APART = "the other file has no such graph, or it reads or makes values of other names"

Values = Mapping[str, np.ndarray]
"""What the values around the parts are in one run of the whole file."""


class Unlike(Exception):
    """An output has another shape or type."""


def integers(before: Path, after: Path) -> Check:
    """Run every part in which the files differ on integers, in both forms.

    Graphs within nodes are files of their own here, which are given what they read from outside.
    """
    ignored: set[str] = set()
    own = _own(before, after, ignored)
    if not own.passed:
        return own
    details = [own.detail]
    for label, pair in pairs(load(before), load(after), ignored):
        inner = _inner(*pair) if pair else Check(NAME, False, f"undecided: {APART}")
        if not inner.passed:
            return Check(NAME, False, f"in the {label}: {inner.detail}")
        details.append(f"in the {label}: {inner.detail}")
    return Check(NAME, True, "; ".join(details))


def _inner(first: Model, second: Model) -> Check:
    """The check of two graphs within nodes, with what they read from outside as inputs."""
    if first == second:
        return Check(NAME, True, "no part differs")
    given = {value.name: value for model in (first, second) for value in model.graph.input}
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.onnx" for name in ("before", "after")]
        for model, path in zip((first, second), paths, strict=True):
            # Each is given what either reads, so that a run of both can tell what differs.
            has = {value.name for value in model.graph.input}
            model.graph.input.extend(given[name] for name in sorted(given.keys() - has))
            onnx.save(model, path)
        return integers(*paths)


def _own(before: Path, after: Path, ignored: set[str]) -> Check:
    """The check of the graphs themselves.

    A name that both files have may mean different things in them. So parts that differ are tried
    again reaching across the names that they end in, as far as all stays exact: a fault stays a
    fault there. Names that do not mean the same are put into `ignored`.
    """
    crossed: set[str] = set()
    found = None
    try:
        for _ in range(REACH):
            rows = _rows(before, after, ignored)
            if any(row.part.inexact and row.part.within & crossed for row in rows):
                break
            faults = [row for row in rows if row.fault]
            if not faults:
                return _verdict(rows)
            found = found or faults[0]
            crossed |= {row.part.end for row in faults}
            ignored |= crossed
    except Undecided as reason:
        return Check(NAME, False, f"undecided: {reason}")
    except Unlike as fault:
        return Check(NAME, False, str(fault))
    except DoesNotRun as error:
        return Check(NAME, False, f"does not run: {error}")
    assert found is not None, "only faults lead to another try"
    return Check(NAME, False, f"{found.fault}; the part {found.part}")


@dataclass(frozen=True)
class Row:
    """What came of one part.

    Attributes:
        part: in the original.
        fault: what differs; empty where nothing does.
        unsure: why it could not be decided; empty where it could.
    """

    part: Region
    fault: str = ""
    unsure: str = ""


def _verdict(rows: Sequence[Row]) -> Check:
    if not rows:
        return Check(NAME, True, "no part differs")
    unsure = [f"{row.part.end} ({row.unsure})" for row in rows if row.unsure]
    detail = f"{len(rows) - len(unsure)} of {len(rows)} parts that differ are equal on integers"
    if unsure:
        detail += f"; undecided: {', '.join(unsure)}"
    return Check(NAME, not unsure, detail)


def _rows(before: Path, after: Path, ignored: set[str]) -> list[Row]:
    pairs, runs = _parts(before, after, ignored)
    rows = []
    for first, second in pairs:
        try:
            rows.append(Row(first, fault=_compare(first, second, runs)))
        except Undecided as reason:
            rows.append(Row(first, unsure=str(reason)))
    return rows


def _parts(
    before: Path, after: Path, ignored: set[str]
) -> tuple[list[tuple[Region, Region]], Sequence[Values]]:
    """The parts that differ, and the values around them in runs of other sizes.

    A name whose shapes differ does not mean the same in both files: it is ignored too.
    """
    first, second = load(before), load(after)
    ends = {str(value.name) for value in first.graph.outputs}
    ignored -= ends
    original = session(before, optimised=False)
    draws = [drawn(original, np.random.default_rng(seed)) for seed in range(RUNS)]
    while True:
        pairs = differing(first.graph, second.graph, ignored)
        names = {name for pair in pairs for region in pair for name in (region.end, *region.starts)}
        old, new = _values(before, names, draws), _values(after, names, draws)
        unlike = {
            name
            for a, b in zip(old, new, strict=True)
            for name in names
            if _kind(a[name]) != _kind(b[name])
        }
        for name in sorted(unlike & ends):
            raise Unlike(f"output {name} is {_kind(old[0][name])}, then {_kind(new[0][name])}")
        if not unlike:
            return pairs, old
        ignored |= unlike


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _values(path: Path, names: set[str], draws: Sequence[Feeds]) -> list[Values]:
    """Values in runs of the whole file."""
    model = onnx_file.parse(path)
    made = {output for node in model.graph.node for output in node.output}
    del model.graph.output[:]
    for name in sorted(names & made):
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    if not model.graph.output:
        return [{}] * len(draws)
    running = session(model.SerializeToString(), optimised=False, folder=path.parent)
    return [feeds | outputs(running, feeds) for feeds in draws]


def _drawn(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Small integers in place of floats; shapes, places and quantised values stay."""
    drawn = rng.integers(-3, 4, value.shape).astype(value.dtype)
    return drawn if np.issubdtype(value.dtype, np.floating) else value


def _compare(first: Region, second: Region, runs: Sequence[Values]) -> str:
    """What differs on integers, empty where nothing does.

    A scale (alpha, beta) of the original may be in the other file's weights or beside them; no
    third way gives equal results.
    """
    around = [node.op_type for part in (first, second) for node in part.nodes if bodies(node)]
    if around:
        raise Undecided(f"it is around graphs within {', '.join(sorted(set(around)))}")
    if first.inexact != second.inexact:
        operators = f"{', '.join(first.inexact)} before, {', '.join(second.inexact)} after"
        raise Undecided(f"operators beyond integers: {operators}")
    fault = _difference(first, second, runs, folded=False)
    if fault and (first.scaled or second.scaled):
        fault = _difference(first, second, runs, folded=True)
    return fault


def _difference(first: Region, second: Region, runs: Sequence[Values], folded: bool) -> str:
    faults: list[str] = []
    for seed in range(SEEDS):
        some = runs[seed % len(runs)]
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
    first: Region, second: Region, values: Values, draw: Draw
) -> tuple[Draw, Feeds, np.ndarray]:
    """Integers on which no sum is rounded, and the first region's result on them."""
    rng = np.random.default_rng(draw.seed)
    starts = dict.fromkeys((*first.starts, *second.starts))
    feeds = {name: _drawn(values[name], rng) for name in starts}
    for density in DENSITIES:
        thinner = Draw(draw.seed, draw.folded, density)
        results = run(first, feeds, thinner, first.linear_inputs)
        if products(first, feeds | results, thinner) < 1.0:
            return thinner, feeds, results[first.end]
    raise Undecided("sums beyond exact integers")
