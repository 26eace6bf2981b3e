"""Faults of every kind, planted in small graphs: each is refuted, and no graph without one is."""

from pathlib import Path

import onnx
import pytest

from helpers.onnx_faults import BASES, FAULTS, SAME, Base
from onebyone.equivalence.onnx import check_onnx
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.integers import integers
from onebyone.equivalence.onnx.numbers import numbers
from onebyone.equivalence.onnx.structure import structure

UNDERSTOOD = "equal for every input in real arithmetic"


def saved(folder: Path, before: Base, after: Base) -> tuple[Path, Path]:
    paths = folder / "before.onnx", folder / "after.onnx"
    for made, path in zip((before, after), paths, strict=True):
        onnx.save(made.model(), path)
    return paths


FIRST = {name: kind for kind, (name, _) in reversed(FAULTS.items())}.values()
"""One kind of each graph; all of them are slow."""


@pytest.mark.parametrize("kind", FIRST)
def test_structure_refutes_a_fault(kind: str, tmp_path: Path):
    name, edits = FAULTS[kind]
    row = structure(*map(File, saved(tmp_path, BASES[name], BASES[name].edited(*edits))))
    assert not row.passed


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_refuted(kind: str, tmp_path: Path, record_property):
    """As a whole; which ways refute it is noted in the test's report."""
    name, edits = FAULTS[kind]
    rows = check_onnx(*saved(tmp_path, BASES[name], BASES[name].edited(*edits)))
    assert [row.name for row in rows] == ["structure", "integers", "numbers"]
    refuting = [row.name for row in rows if not row.passed and row.decided]
    record_property("refuted by", ", ".join(refuting))
    assert refuting, rows
    assert not rows[0].passed, rows


@pytest.mark.slow
@pytest.mark.parametrize("name", BASES)
def test_a_graph_without_a_fault_is_not(name: str, tmp_path: Path):
    """Each way by itself: as a whole, the check sees at once that the files are the same."""
    files = [*map(File, saved(tmp_path, BASES[name], BASES[name]))]
    assert structure(*files).detail == UNDERSTOOD
    assert integers(*files).passed
    assert numbers(*files).passed


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAME)
def test_what_is_no_fault_passes(kind: str, tmp_path: Path):
    name, edits = SAME[kind]
    paths = saved(tmp_path, BASES[name], BASES[name].edited(*edits))
    for row in (*check_onnx(*paths), *check_onnx(*paths[::-1])):
        assert row.passed, row


def test_there_are_enough_kinds():
    assert len(FAULTS) >= 138
