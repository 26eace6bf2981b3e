"""ONNX's own tests of its operators, for all that are in the table."""

import re

import pytest

from helpers.onnx_nodes import cases, check
from onebyone.models.onnx.nodes import every
from onebyone.models.onnx.unknown import is_known

_NEWEST = 28
# By name, with the reason: what is left out.
_LEFT: dict[str, str] = {
    **dict.fromkeys(
        (
            "test_resize_downsample_scales_linear_align_corners",
            "test_resize_downsample_scales_cubic_align_corners",
        ),
        "reads the length of the result as a fraction, where the operator's text, onnxruntime and "
        "PyTorch have the whole number",
    ),
    **dict.fromkeys(
        (
            "test_batchnorm_example_training_mode",
            "test_batchnorm_epsilon_training_mode",
            "test_training_dropout_default",
            "test_training_dropout_default_mask",
            "test_training_dropout",
            "test_training_dropout_mask",
        ),
        "trains",
    ),
    "test_scan_sum": "Scan of operator set 8, another operator, which nothing writes",
    **dict.fromkeys(
        ["test_bernoulli", "test_bernoulli_double", "test_bernoulli_seed"],
        "numbers drawn at random",
    ),
}
# The same by a pattern.
_LEFT_ALL = {
    "(?i)float4e2m1|e8m0": "PyTorch does not compute with these types",
    "_string(_|$)": "the numbers of images are no texts",
    "castlike_.*_to_U?INT[24]$|^test_quantizelinear_u?int[24]$": (
        "bytes hold such integers, and do not say how many bits count"
    ),
}


def _covered() -> list[str]:
    return [
        name
        for name, case in cases().items()
        if all(n.domain == "" and is_known(n, _NEWEST) for n in every(*case.model.graph.node))
        and name not in _LEFT
        and not any(re.search(pattern, name) for pattern in _LEFT_ALL)
    ]


@pytest.mark.parametrize("name", _covered())
def test_onnx_own_case(name: str) -> None:
    check(cases()[name])
