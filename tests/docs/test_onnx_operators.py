"""The list of ONNX's operators in the docs is the one that is read."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_list_of_operators_is_current(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import onnx_operators

    text = (ROOT / "docs" / "onnx.md").read_text("utf-8")
    assert onnx_operators.listed() in text
    sys.modules.pop("onnx_operators")
