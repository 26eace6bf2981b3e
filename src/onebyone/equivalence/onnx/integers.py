"""Both files on small integers, where float arithmetic is exact and results must be equal.

In every part in which the files differ the weights become small integers. Each is a function of
the weight's own value, so both files get the same ones however their weights are laid out, and
nothing needs to be known of how one file was made from the other. After an operator that leaves
the integers (an activation, a normalisation) its result is rounded to integers again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnx_ir as ir

from onebyone.equivalence.ladder import INTEGERS, Check, Undecided, Unlike, rung
from onebyone.equivalence.onnx.bodies import Model, bodies, pairs
from onebyone.equivalence.onnx.feeds import Feeds
from onebyone.equivalence.onnx.integral import Draw, run
from onebyone.equivalence.onnx.reading import load
from onebyone.equivalence.onnx.regions import Region, differing
from onebyone.equivalence.onnx.whole import Whole
from onebyone.errors import InputError

DENSITIES = (1.0, 0.25, 0.0625, 0.015625)
"""What part of the weights stays other than zero, the first that keeps sums exact."""
SEEDS = 4
RUNS = 2
REACH = 4
"""So many times parts that differ are made to reach further."""
Values = Mapping[str, np.ndarray]
"""What the values around the parts are in one run of the whole file."""


@dataclass(frozen=True)
class File:
    """A file, and its graph."""

    path: Path

    @cached_property
    def model(self) -> ir.Model:
        """As both checks read it."""
        return load(self.path)


def integers(before: Path, after: Path) -> Check:
    """Run every part in which the files differ on integers, in both forms.

    Graphs within nodes are files of their own here, which are given what they read from outside.
    """
    ignored: set[str] = set()
    files = File(before), File(after)
    own = _own(*files, ignored)
    if not own.passed:
        return own
    details = [own.detail]
    for label, pair in pairs(files[0].model, files[1].model, ignored):
        inner = _inner(pair)
        if not inner.passed:
            return replace(inner, detail=f"in the {label}: {inner.detail}")
        details.append(f"in the {label}: {inner.detail}")
    return Check(INTEGERS, True, "; ".join(details))


@rung(INTEGERS)
def _inner(pair: tuple[Model, Model] | None) -> Check:
    """The check of two graphs within nodes, with what they read from outside as inputs."""
    if pair is None:
        reason = "the other file has no such graph, or it reads or makes values of other names"
        raise Undecided(reason)
    if pair[0] == pair[1]:
        return Check(INTEGERS, True, "no part differs")
    given = {value.name: value for model in pair for value in model.graph.input}
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.onnx" for name in ("before", "after")]
        for model, path in zip(pair, paths, strict=True):
            # Each is given what either reads, so that a run of both can tell what differs.
            has = {value.name for value in model.graph.input}
            model.graph.input.extend(given[name] for name in sorted(given.keys() - has))
            onnx.save(model, path)
        try:
            return integers(*paths)
        except InputError as error:
            reason = str(error).partition(f"{folder}/")[2] or str(error)
            raise Undecided(f"it cannot stand by itself: {reason}") from error


@rung(INTEGERS)
def _own(before: File, after: File, ignored: set[str]) -> Check:
    """The check of the graphs themselves.

    A name that both files have may mean different things in them. So parts that differ are tried
    again reaching across the names that they end in, as far as all stays exact: a fault stays a
    fault there. Names that do not mean the same are put into `ignored`.
    """
    crossed: set[str] = set()
    found = None
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
    assert found is not None, "only faults lead to another try"
    raise Unlike(f"{found.fault}; the part {found.part}")


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
        return Check(INTEGERS, True, "no part differs")
    unsure = [f"{row.part.end} ({row.unsure})" for row in rows if row.unsure]
    detail = f"{len(rows) - len(unsure)} of {len(rows)} parts that differ are equal on integers"
    if unsure:
        detail += f"; undecided: {', '.join(unsure)}"
    return Check(INTEGERS, not unsure, detail, decided=not unsure)


def _rows(before: File, after: File, ignored: set[str]) -> list[Row]:
    pairs, runs = _parts(before, after, ignored)
    rows = []
    for first, second in pairs:
        try:
            rows.append(Row(first, fault=_compare(first, second, runs)))
        except Undecided as reason:
            rows.append(Row(first, unsure=str(reason)))
    return rows


def _parts(
    before: File, after: File, ignored: set[str]
) -> tuple[list[tuple[Region, Region]], Sequence[Values]]:
    """The parts that differ, and the values around them in runs of other sizes.

    A name whose shapes differ does not mean the same in both files: it is ignored too.
    """
    ends = {str(value.name) for value in before.model.graph.outputs}
    ignored -= ends
    while True:
        parts = differing(before.model.graph, after.model.graph, ignored)
        names = {name for pair in parts for region in pair for name in (region.end, *region.starts)}
        if not names:
            return [], []
        first, second = Whole(before.path, names), Whole(after.path, names)
        # Of floats only the sizes count: where the files say them, one run shows all.
        once = all(_settled(file.model.graph, names) for file in (before, after))
        old = [first.drawn(seed) for seed in range(1 if once else RUNS)]
        new = [second.run(feeds) for feeds, _ in old]
        sequences = names - old[0][1].keys()
        if sequences:
            if sequences & ends:
                raise Undecided(f"output {min(sequences & ends)} is no tensor")
            ignored |= sequences
            continue
        unlike = {
            name
            for (_, a), b in zip(old, new, strict=True)
            for name in names
            if _kind(a[name]) != _kind(b[name])
        }
        for name in sorted(unlike & ends):
            kinds = _kind(old[0][1][name]), _kind(new[0][name])
            raise Unlike(f"output {name} is {kinds[0]}, then {kinds[1]}")
        if not unlike:
            return parts, [values for _, values in old]
        ignored |= unlike


def _settled(graph: ir.Graph, names: Collection[str]) -> bool:
    """Whether values are floats whose sizes are the same for every input."""
    values = ir.convenience.create_value_mapping(graph)
    found = [values.get(name) for name in names]
    return all(
        value is not None
        and value.dtype is not None
        and value.dtype.is_floating_point()
        and value.shape is not None
        and value.shape.is_static()
        for value in found
    )


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _drawn(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Small integers in place of floats; shapes, places and quantised values stay."""
    drawn = rng.integers(-3, 4, value.shape).astype(value.dtype)
    return drawn if np.issubdtype(value.dtype, np.floating) else value


def _compare(first: Region, second: Region, runs: Sequence[Values]) -> str:
    """What differs on integers, empty where nothing does.

    A scale (alpha, beta) of the original may be in the other file's weights or beside them, and a
    power of two in any constant; no other way gives equal results.
    """
    around = [node.op_type for part in (first, second) for node in part.nodes if bodies(node)]
    if around:
        raise Undecided(f"it is around graphs within {', '.join(sorted(set(around)))}")
    if first.inexact != second.inexact:
        operators = f"{', '.join(first.inexact)} before, {', '.join(second.inexact)} after"
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
    runs: Sequence[Values],
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


def _feeds(first: Region, second: Region, values: Values, seed: int) -> Feeds:
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
