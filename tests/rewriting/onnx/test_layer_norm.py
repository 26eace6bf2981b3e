"""LayerNormalization is written as operators where that saves moves, and only there."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from helpers.onnx_cases import Graph, feeds, operators, run
from onebyone.equivalence.onnx import check_onnx
from onebyone.rewriting.onnx import rewrite_onnx
from onebyone.rewriting.report import Moves

STEPS = ["Add", "Add", "Div", "Mul", "Mul", "ReduceMean", "ReduceMean", "Sqrt", "Sub"]


def normalised(g: Graph, value: str, *given: str, **options: float) -> str:
    return g.add("LayerNormalization", value, *given, name="norm/LayerNormalization", **options)


def rewritten(model: onnx.ModelProto, folder: Path, layout: str = "conv1d") -> tuple[Path, Moves]:
    """The result, which all checks find equal, as they do what comes back of it."""
    before, after, back = (folder / f"{name}.onnx" for name in ("before", "after", "back"))
    onnx.save(model, before)
    moves = rewrite_onnx(before, "convolution", after, layout=layout).report.moves
    rewrite_onnx(after, "linear", back)
    for path in (after, back):
        onnx.checker.check_model(str(path), full_check=True)
        for row in check_onnx(before, path):
            assert row.passed, row
    inputs = feeds(model)
    np.testing.assert_allclose(run(after, inputs)[0], run(before, inputs)[0], rtol=1e-4, atol=1e-4)
    return after, moves


@pytest.mark.parametrize(
    ("opset", "layout"), [(17, "conv1d"), (18, "BCS1"), (18, "BCHW"), (27, "conv1d")]
)
def test_between_layers(opset: int, layout: str, tmp_path: Path) -> None:
    g = Graph(opset)
    y = g.add("MatMul", g.input("B", "S", 6), g.weight("w1", 6, 8), name="a/MatMul")
    y = normalised(g, y, g.weight("scale", 8), g.weight("bias", 8), axis=-1, epsilon=1e-3)
    model = g.model(g.add("MatMul", y, g.weight("w2", 8, 3), name="b/MatMul"))
    after, moves = rewritten(model, tmp_path, layout)
    each = 1 if layout == "conv1d" else 2
    assert moves == Moves(4 * each, 2 * each, 2 * each, written_out=1)
    assert sorted([*STEPS, "Conv", "Conv"]) == [
        kind
        for kind in operators(after)
        if kind not in {"Identity", "Squeeze", "Transpose", "Unsqueeze"}
    ]


def test_a_block_around_which_the_file_transposes(tmp_path: Path) -> None:
    """ConvNeXt's: no transpose is left; a normalisation without a bias."""
    g = Graph(18)
    x = g.input("B", 6, "H", "S")
    y = normalised(g, g.add("Transpose", x, perm=[0, 2, 3, 1]), g.weight("scale", 6))
    y = g.add("MatMul", y, g.weight("w", 6, 6), name="a/MatMul")
    y = g.add("Add", x, g.add("Transpose", y, perm=[0, 3, 1, 2]))
    after, moves = rewritten(g.model(y), tmp_path, "BCHW")
    assert moves.written_out == 1
    assert not {"Transpose", "LayerNormalization"} & set(operators(after))


def test_it_stays_where_nothing_is_saved(tmp_path: Path) -> None:
    """Before the first layer: there is one move, on either side of it."""
    g = Graph(18)
    y = normalised(g, g.input("B", "S", 6), g.weight("scale", 6), g.weight("bias", 6))
    y = g.add("MatMul", y, g.weight("w", 6, 3), name="a/MatMul")
    after, moves = rewritten(g.model(y), tmp_path)
    assert moves == Moves(2, 0, 2)
    assert "LayerNormalization" in operators(after)


def test_other_precision_stays(tmp_path: Path) -> None:
    """In half precision the operator computes in single, and operators would not."""
    g = Graph(18)
    halves = {name: g.integers(*s, dtype=np.float16) for name, s in (("v", (6, 8)), ("u", (8, 3)))}
    v, u = (g.constant(name, values) for name, values in halves.items())
    scale = g.constant("scale", g.integers(8, dtype=np.float16))
    y = g.add("Cast", g.input("B", "S", 6), to=TensorProto.FLOAT16)
    y = normalised(g, g.add("MatMul", y, v), scale)
    y = g.add("Cast", g.add("MatMul", y, u), to=TensorProto.FLOAT)
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    onnx.save(g.model(y), before)
    assert rewrite_onnx(before, "convolution", after).report.moves.written_out == 0
    assert "LayerNormalization" in operators(after)
