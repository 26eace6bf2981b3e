"""Pairs that are the same function pass, file by file."""

from pathlib import Path

import onnx
import pytest

from helpers.onnx_pairs import PAIRS
from onebyone.equivalence.onnx import check_onnx


@pytest.mark.parametrize("name", PAIRS)
def test_both_files_are_one_function(name: str, tmp_path: Path):
    pair = PAIRS[name]()
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    onnx.save(pair.before, before)
    onnx.save(pair.after, after)
    for row in check_onnx(before, after):
        assert row.passed, row
    for row in check_onnx(after, before):
        assert row.passed, row
