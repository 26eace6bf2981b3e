"""Axes that a convolution does not have are merged and split again for every size."""

from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.onnx_cases import LAYOUTS, Graph, run
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.structure import structure
from onebyone.rewriting.onnx import rewrite_onnx

SHAPES = [("N", "S", "T", 4), ("N", "S", 3, 4), ("N", 2, 3, 4), ("N", "S", 2, "T", 2, 4)]
# Onnxruntime's Conv takes no empty positions: the first axis alone is empty.
SIZES = {"N": (0, 1, 300), "S": (1, 5), "T": (1, 3)}


def names(shape: tuple[int | str, ...]) -> list[str]:
    return [size for size in shape if isinstance(size, str)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("opset", [11, 13, 18])
def test_every_size(opset: int, shape: tuple[int | str, ...], layout: str, tmp_path: Path) -> None:
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    g = Graph(opset)
    y = g.add("MatMul", g.input(*shape), g.weight("w", 4, 5))
    onnx.save(g.model(g.add("Add", y, g.weight("b", 5))), before)
    assert rewrite_onnx(before, "convolution", after, layout=layout).report.rewritten
    assert structure(File(before), File(after)).passed
    for sizes in product(*(SIZES[name] for name in names(shape))):
        chosen = dict(zip(names(shape), sizes, strict=True))
        x = np.random.default_rng(0).integers(-3, 4, [chosen.get(k, k) for k in shape])
        inputs = {"x": x.astype(np.float32)}
        (a,), (b,) = run(before, inputs), run(after, inputs)
        np.testing.assert_array_equal(b, a, strict=True)


@pytest.mark.parametrize("opset", [11, 18])
def test_groups_of_no_input(opset: int, tmp_path: Path) -> None:
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    g = Graph(opset)
    x, w = g.input("N", 4, "H", "S"), g.weight("w", 6, 2, 1, 1)
    onnx.save(g.model(g.add("Conv", x, w, g.weight("b", 6), group=2)), before)
    assert rewrite_onnx(before, "linear", after).report.rewritten
    for sizes in [(0, 4, 3, 2), (2, 4, 3, 1)]:
        inputs = {"x": np.ones(sizes, np.float32)}
        (a,), (b,) = run(before, inputs), run(after, inputs)
        np.testing.assert_array_equal(b, a, strict=True)
