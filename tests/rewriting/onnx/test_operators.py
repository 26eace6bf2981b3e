"""ONNX's own tests of its operators: each file is itself, and what it computes when rewritten."""

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.backend.test.case.node import collect_testcases

from onebyone.equivalence.onnx import check_onnx
from onebyone.rewriting.onnx import rewrite_onnx

PARTS = 12
# Each draws its outputs at random.
RANDOM = ("bernoulli", "dropout", "multinomial", "random", "training_dropout")


@cache
def cases() -> list[Any]:
    with warnings.catch_warnings(action="ignore"):  # of the numbers that the cases cast
        return [case for case in collect_testcases(None) if case.model is not None]


def outputs(model: Path | bytes, inputs: Sequence[Any]) -> list[Any] | None:
    """What onnxruntime gives, None where it does not run the file."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    source = str(model) if isinstance(model, Path) else model
    try:
        session = onnxruntime.InferenceSession(source, options, ["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
        return session.run(None, dict(zip(names, inputs, strict=False)))
    except Exception:  # of many kinds: types that it does not have, operators, sizes
        return None


def assert_alike(expected: Any, given: Any, name: str) -> None:
    if isinstance(expected, list):
        assert len(expected) == len(given), name
        for a, b in zip(expected, given, strict=True):
            assert_alike(a, b, name)
    elif expected is None or np.asarray(expected).dtype.kind not in "fc":
        np.testing.assert_array_equal(given, expected, name)
    else:
        np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_operators_of_onnx(part: int, tmp_path: Path) -> None:
    ran = 0
    for case in cases()[part::PARTS]:
        before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
        inputs = case.data_sets[0][0] if case.data_sets else []
        expected = outputs(case.model.SerializeToString(), inputs)
        if expected is None:
            continue
        onnx.save(case.model, before)
        ran += 1
        assert all(row.passed for row in check_onnx(before, before)), case.name
        for to in ("convolution", "linear"):
            report = rewrite_onnx(before, to, after).report
            rows = check_onnx(before, after)
            assert all(row.passed for row in rows), (case.name, to, [str(row) for row in rows])
            given = outputs(after, inputs)
            assert given is not None, case.name
            if not any(word in case.name for word in RANDOM):
                assert_alike(expected, given, f"{case.name} {to} {report}")
    assert ran > 100
