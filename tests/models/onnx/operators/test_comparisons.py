"""Comparisons, logic and choices against onnxruntime."""

import numpy as np
import pytest
import torch

from helpers.onnx_nodes import agree
from helpers.onnx_recorded import node_targets

_RNG = np.random.default_rng(0)
_A, _B = _RNG.integers(0, 4, (2, 3, 4)), _RNG.integers(0, 4, (3, 1))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("operator", ["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"])
def test_compare_like_onnxruntime(operator: str, dtype: str) -> None:
    for opset in (12, 16) if operator.endswith("OrEqual") else (9, 11, 13):
        if operator != "Equal" or dtype[:3] == "int" or opset > 9:
            agree(operator, {"a": _A.astype(dtype), "b": _B.astype(dtype)}, opset=opset)


@pytest.mark.parametrize("operator", ["Less", "Greater"])
def test_compare_by_the_first_rules(operator: str) -> None:
    agree(operator, {"a": _A.astype(np.float32), "b": _B.astype(np.float32)}, opset=7)


@pytest.mark.parametrize("operator", ["And", "Or", "Xor", "Equal"])
def test_logic_like_onnxruntime(operator: str) -> None:
    agree(operator, {"a": _A > 1, "b": _B > 1}, opset=7)


def test_not() -> None:
    agree("Not", {"x": _A > 1}, opset=7)


@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8"])
@pytest.mark.parametrize("opset", [9, 16])
def test_choose_like_onnxruntime(dtype: str, opset: int) -> None:
    x, y = _A.astype(dtype), (_B + 9).astype(dtype)
    agree("Where", {"condition": _A[0] > 1, "x": x, "y": y}, opset=opset)


_STRANGE = np.array([np.nan, np.inf, -np.inf, 0, 1], np.float32)


@pytest.mark.parametrize(("negative", "positive"), [(1, 1), (0, 1), (1, 0), (0, 0)])
def test_infinite_numbers_of_each_sign(negative: int, positive: int) -> None:
    agree("IsInf", {"x": _STRANGE}, opset=10, detect_negative=negative, detect_positive=positive)


def test_what_is_no_number() -> None:
    agree("IsNaN", {"x": _STRANGE}, opset=9)


def test_comparisons_are_recorded_as_they_are() -> None:
    x, half = torch.rand(1, 2, 3, 3), np.float32(0.5)
    names = {"Less": "lt", "Greater": "gt", "Equal": "eq", "GreaterOrEqual": "ge"}
    for operator, target in names.items():
        assert node_targets(operator, x, half) == [target]
