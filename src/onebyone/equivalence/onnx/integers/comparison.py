"""Both files on small integers, where float arithmetic is exact and results must be equal.

In every part in which the files differ the weights become small integers. Each is a function of
the weight's own value, so both files get the same ones however their weights are laid out, and
nothing needs to be known of how one file was made from the other. After an operator that leaves
the integers (an activation, a normalisation) its result is rounded to integers again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx_ir as ir

from onebyone.equivalence.ladder import INTEGERS, Check, Undecided, Unlike, rung
from onebyone.equivalence.onnx.attributes import bits
from onebyone.equivalence.onnx.constants import constant_of
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.integers.exactness import Surroundings, difference_in
from onebyone.equivalence.onnx.integers.inner import Pair, pairs, save
from onebyone.equivalence.onnx.integers.regions import Region, differing
from onebyone.equivalence.onnx.integers.whole import Whole
from onebyone.errors import InputError

RUNS = 2
REACH = 4
"""So many times parts that differ are made to reach further."""


@rung(INTEGERS)
def integers(before: File, after: File) -> Check:
    """Run every part in which the files differ on integers, in both forms.

    Graphs within nodes are files of their own here, which are given what they read from outside.
    """
    ignored: set[str] = set()
    own = _own(before, after, ignored)
    if not own.passed:
        return own
    details = [own.detail]
    for label, pair in pairs(before.written_out, after.written_out, ignored):
        inner = _inner(pair)
        if not inner.passed:
            return replace(inner, detail=f"in the {label}: {inner.detail}")
        details.append(f"in the {label}: {inner.detail}")
    return Check(INTEGERS, True, "; ".join(details))


@rung(INTEGERS)
def _inner(pair: Pair | None) -> Check:
    """The check of two graphs within nodes, with what they read from outside as inputs."""
    if pair is None:
        reason = "the other file has no such graph, or it reads or makes values of other names"
        raise Undecided(reason)
    if pair[0] == pair[1]:
        return Check(INTEGERS, True, "no part differs")
    with TemporaryDirectory() as folder:
        try:
            return integers(*map(File, save(pair, Path(folder))))
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
class Outcome:
    """What came of a part of the original: a fault, why it could not be decided, or neither."""

    part: Region
    fault: str = ""
    unsure: str = ""


def _verdict(rows: Sequence[Outcome]) -> Check:
    if not rows:
        return Check(INTEGERS, True, "no part differs")
    unsure = [f"{row.part.end} ({row.unsure})" for row in rows if row.unsure]
    detail = f"{len(rows) - len(unsure)} of {len(rows)} parts that differ are equal on integers"
    if unsure:
        detail += f"; undecided: {', '.join(unsure)}"
    return Check(INTEGERS, not unsure, detail, decided=not unsure)


def _rows(before: File, after: File, ignored: set[str]) -> list[Outcome]:
    pairs, runs = _parts(before, after, ignored)
    rows = []
    for first, second in pairs:
        try:
            rows.append(Outcome(first, fault=difference_in(first, second, runs)))
        except Undecided as reason:
            rows.append(Outcome(first, unsure=str(reason)))
    return rows


def _parts(
    before: File, after: File, ignored: set[str]
) -> tuple[list[tuple[Region, Region]], Sequence[Surroundings]]:
    """The parts that differ, and the values around them in runs of other sizes.

    A name whose shapes differ does not mean the same in both files: it is ignored too.
    """
    old_ends, new_ends = ([str(v.name) for v in f.graph.outputs] for f in (before, after))
    if old_ends != new_ends:
        raise Unlike(f"outputs {old_ends} before, {new_ends} after")
    for pair in zip(before.graph.outputs, after.graph.outputs, strict=True):
        a, b = (bits(constant_of(value)) for value in pair)
        if None not in (a, b) and a != b:
            raise Unlike(f"output {pair[0].name} is another constant")
    ends = set(old_ends)
    ignored -= ends
    while True:
        parts = differing(before.graph, after.graph, ignored)
        names = {name for pair in parts for region in pair for name in (region.end, *region.starts)}
        if not names:
            return [], []
        first, second = Whole(before, names), Whole(after, names)
        # Of floats only the sizes count: where the files say them, one run shows all.
        once = all(_settled(file.graph, names) for file in (before, after))
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
    shapes = [v.shape for v in found if v and v.dtype and v.dtype.is_floating_point()]
    return len(shapes) == len(found) and all(s is not None and s.is_static() for s in shapes)


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"
