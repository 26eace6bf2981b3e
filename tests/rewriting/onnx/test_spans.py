"""What a new convolution takes over from beside the layer, and what it must leave there."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.onnx_cases import Graph, feeds, operators, run
from onebyone.rewriting.onnx import rewrite_onnx

END = 2**31 - 1


def rewritten(model: onnx.ModelProto, folder: Path) -> list[str]:
    """The operators of the result, which gives equal numbers."""
    before, after = folder / "before.onnx", folder / "after.onnx"
    onnx.save(model, before)
    assert rewrite_onnx(before, "convolution", after).report.rewritten
    onnx.checker.check_model(str(after), full_check=True)
    inputs = feeds(model)
    for a, b in zip(run(before, inputs), run(after, inputs), strict=True):
        np.testing.assert_array_equal(b, a, strict=True)
    return operators(after)


def sliced(g: Graph, value: str, *ranges: Sequence[int]) -> str:
    names = ("starts", "ends", "axes", "steps")
    limits = [g.constant(n, np.array(v)) for n, v in zip(names, ranges, strict=True)]
    return g.add("Slice", value, *limits)


def layer(g: Graph, channels_first: str, inputs: int) -> str:
    x = g.add("Transpose", channels_first, perm=[0, 2, 3, 1])
    return g.add("MatMul", x, g.weight("w", inputs, 4))


@pytest.mark.parametrize(
    ("ranges", "taken"),
    [
        (([0], [END], [3], [2]), True),
        (([0, 0], [END, END], [-1, 2], [2, 3]), True),
        (([1], [END], [3], [2]), False),
        (([0], [6], [3], [2]), False),
        (([0, 0], [END, END], [1, 3], [2, 2]), False),
    ],
    ids=["one axis", "two axes", "from the second", "not to the end", "of channels"],
)
def test_a_slice_is_a_stride(ranges: Sequence[Sequence[int]], taken: bool, tmp_path: Path) -> None:
    g = Graph(18)
    y = sliced(g, g.input("B", 6, 5, 8), *ranges)
    made = rewritten(g.model(layer(g, y, 3 if 1 in ranges[2] else 6)), tmp_path)
    assert ("Slice" in made) != taken


def test_a_slice_that_others_read_is_there_for_them(tmp_path: Path) -> None:
    g = Graph(18)
    y = sliced(g, g.input("B", 6, 5, 8), [0], [END], [3], [2])
    assert "Slice" in rewritten(g.model(layer(g, y, 6), g.add("Relu", y)), tmp_path)


def test_a_slice_before_features_stays(tmp_path: Path) -> None:
    """A convolution of the whole extent has one place; no stride of it reads every second."""
    g = Graph(18)
    y = g.add("Flatten", sliced(g, g.input("B", 3, 2, 4), [0], [END], [3], [2]))
    made = rewritten(g.model(g.add("Gemm", y, g.weight("w", 12, 4))), tmp_path)
    assert "Slice" in made


def test_a_bias_along_positions_stays(tmp_path: Path) -> None:
    """As many positions as outputs; the channels are the axis before."""
    g = Graph(18)
    y = g.add("MatMul", g.weight("w", 3, 6), g.input("B", 6, 3))
    assert "Add" in rewritten(g.model(g.add("Add", y, g.weight("b", 3))), tmp_path)


@pytest.mark.parametrize("target", [[0, 0, 2, 1, 3], [0, 0, 1, 2, 3]])
def test_a_matrix_for_each_group(target: list[int], tmp_path: Path) -> None:
    """[..., groups, 1, each] is a grouped convolution; a broadcast the other way is not."""
    g = Graph(18)
    x = g.add("Reshape", g.input("B", "S", 6), g.constant("cut", np.array(target)))
    y = g.add("MatMul", x, g.weight("w", 2, 3, 2))
    y = g.add("Reshape", y, g.constant("join", np.array([0, 0, -1])))
    z = g.add("MatMul", y, g.weight("v", 4 if target[2] == 2 else 8, 3))
    kinds = rewritten(g.model(z), tmp_path)
    assert kinds.count("Conv") == (2 if target[2] == 2 else 1)
