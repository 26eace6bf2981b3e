"""Every way to write a layer, every layout, old and new opsets: equal numbers."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.onnx_cases import (
    LAYOUTS,
    OPSETS,
    TO_CONVOLUTION,
    TO_LINEAR,
    Case,
    feeds,
    operators,
    run,
)
from onebyone.rewriting.onnx import rewrite_onnx

# ONNX has two ways to write a linear layer over two axes; they count as one.
LINEAR = {"Gemm", "MatMul"}


def rewritten(case: Case, opset: int, folder: Path, layout: str = "BCHW") -> tuple[Path, Path]:
    before, after = folder / "before.onnx", folder / "after.onnx"
    onnx.save(case.model(opset), before)
    result = rewrite_onnx(before, case.to, after, layout=layout)
    assert len(result.report.rewritten) == case.rewritten, result.report
    assert not result.report.left
    return before, after


def check_equal(before: Path, after: Path) -> None:
    onnx.checker.check_model(str(after), full_check=True)
    inputs = feeds(onnx.load(before))
    for first, second in zip(run(before, inputs), run(after, inputs), strict=True):
        np.testing.assert_array_equal(second, first, strict=True)


CASES = TO_CONVOLUTION + TO_LINEAR
IN_OPSETS = [(c, o) for c in CASES for o in OPSETS[::2] + OPSETS[-1:] if o >= c.since]
# The layout says nothing about convolutions that are there, but for those of one axis.
IN_LAYOUTS = [
    (c, layout)
    for c in CASES
    for layout in LAYOUTS
    if c.to == "convolution" or layout == "BCHW" or "1-D" in c.name
]


def _name(value: Case | int | str) -> str:
    return value.name if isinstance(value, Case) else str(value)


@pytest.mark.parametrize(("case", "opset"), IN_OPSETS, ids=_name)
def test_every_opset(case: Case, opset: int, tmp_path: Path) -> None:
    before, after = rewritten(case, opset, tmp_path)
    check_equal(before, after)
    if case.to == "convolution":
        assert not LINEAR & set(operators(after))
    else:
        assert "Conv" not in operators(after)


@pytest.mark.parametrize(("case", "layout"), IN_LAYOUTS, ids=_name)
def test_every_layout(case: Case, layout: str, tmp_path: Path) -> None:
    check_equal(*rewritten(case, 18, tmp_path, layout))


@pytest.mark.parametrize("case", TO_CONVOLUTION + TO_LINEAR, ids=lambda case: case.name)
def test_two_runs_give_the_same_bytes(case: Case, tmp_path: Path) -> None:
    _, after = rewritten(case, 18, tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    assert rewritten(case, 18, again)[1].read_bytes() == after.read_bytes()
