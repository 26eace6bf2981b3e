"""ONNX's own tests of its operators, for all that are in the table."""

import pytest

from helpers.onnx_nodes import cases, check
from onebyone.models.onnx.table import find

_NEWEST = 28
# By name, with the reason: what is left out.
_LEFT: dict[str, str] = {}


def _covered() -> list[str]:
    return [
        name
        for name, case in cases().items()
        if all(n.domain == "" and find(n.op_type, _NEWEST) for n in case.model.graph.node)
        and name not in _LEFT
    ]


@pytest.mark.parametrize("name", _covered())
def test_onnx_own_case(name: str) -> None:
    check(cases()[name])
