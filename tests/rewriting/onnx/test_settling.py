"""Moves cancel across the operators that can run on either form."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.onnx_cases import Graph, feeds, operators, run
from onebyone.rewriting.onnx import rewrite_onnx

Between = Callable[[Graph, str], str]


def _constant(operator: str, *shape: int) -> Between:
    return lambda g, y: g.add(operator, y, g.weight("c", *shape))


def _reduce(g: Graph, y: str) -> str:
    return g.add("Sub", y, g.add("ReduceMax", y, g.constant("axes", np.array([-1]))))


def _slice(g: Graph, y: str) -> str:
    starts, ends, axes = ([0, 1], [4, 3], [2, 1])
    limits = [g.constant(f"s{k}", np.array(v)) for k, v in enumerate((starts, ends, axes))]
    return g.add("Slice", y, *limits)


def _split(g: Graph, y: str) -> str:
    sizes = g.constant("sizes", np.array([4, 4]))
    node = onnx.helper.make_node("Split", [y, sizes], ["left", "right"], "Split", axis=-1)
    g.nodes.append(node)
    return g.add("Concat", g.add("Max", "left", "right"), "left", axis=2)


def _where(g: Graph, y: str) -> str:
    positive = g.add("Greater", y, g.constant("zero", np.float32(0)))
    return g.add("Where", positive, y, g.weight("c", 8))


def _quantised(g: Graph, y: str) -> str:
    one, zero = g.constant("one", np.float32(1)), g.constant("none", np.int8(0))
    return g.add("DequantizeLinear", g.add("QuantizeLinear", y, one, zero), one, zero)


def _by_channel(g: Graph, y: str) -> str:
    scale = g.constant("scale", np.exp2(g.integers(8, low=0)))
    zero = g.constant("none", np.zeros(8, np.int8))
    codes = g.add("QuantizeLinear", y, scale, zero, axis=-1)
    return g.add("DequantizeLinear", codes, scale, zero, axis=2)


def _residual(g: Graph, y: str) -> str:
    return g.add("Add", g.add("Relu", y), g.add("Neg", y))


CANCELLED: dict[str, Between] = {
    "Relu": lambda g, y: g.add("Relu", y),
    "Clip": lambda g, y: g.add("Clip", y, g.constant("low", np.float32(-2))),
    "Add of a vector": _constant("Add", 8),
    "Mul by a scalar": _constant("Mul"),
    "Add of a map": _constant("Add", 1, 5, 8),
    "PRelu": _constant("PRelu", 8),
    "Concat": lambda g, y: g.add("Concat", y, y, axis=-1),
    "reduction": _reduce,
    "Softmax": lambda g, y: g.add("Round", g.add("Softmax", y, axis=-1)),
    "Slice": _slice,
    "Split": _split,
    "Where": _where,
    "QDQ": _quantised,
    "QDQ by channel": _by_channel,
    "residual": _residual,
}
KEPT: dict[str, Between] = {
    "LayerNormalization of two axes": lambda g, y: g.add(
        "Round", g.add("LayerNormalization", y, g.weight("c", 5, 8), axis=1)
    ),
    "LayerNormalization with a computed scale": lambda g, y: g.add(
        "Round", g.add("LayerNormalization", y, g.add("Relu", g.weight("c", 8)))
    ),
    "CumSum": lambda g, y: g.add("CumSum", y, g.constant("axis", np.array(1))),
}


def layers(between: Between, folder: Path) -> Path:
    """A linear layer, something, another linear layer."""
    g = Graph(18)
    y = g.add("MatMul", g.input("B", 5, 6), g.weight("w1", 6, 8), name="a/MatMul")
    y = between(g, y)
    model = g.model(y, direct=True)
    channels = model.graph.output[0].type.tensor_type.shape.dim[2].dim_value
    z = g.add("MatMul", y, g.weight("w2", channels, 3), name="b/MatMul")
    path = folder / "before.onnx"
    onnx.save(g.model(z, direct=True), path)
    return path


@pytest.mark.parametrize("layout", ["conv1d", "BC1S"])
@pytest.mark.parametrize("name", [*CANCELLED, *KEPT])
def test_moves_cancel(name: str, layout: str, tmp_path: Path) -> None:
    before = layers((CANCELLED | KEPT)[name], tmp_path)
    after, back = tmp_path / "after.onnx", tmp_path / "back.onnx"
    moves = rewrite_onnx(before, "convolution", after, layout=layout).report.moves
    each = 1 if layout == "conv1d" else 2
    assert moves.added == 4 * each
    assert moves.left == (2 if name in CANCELLED else 4) * each
    assert moves.cancelled == moves.added - moves.left
    rewrite_onnx(after, "linear", back)
    assert operators(back) == operators(before)
    inputs = feeds(onnx.load(before))
    for path in (after, back):
        onnx.checker.check_model(str(path), full_check=True)
        np.testing.assert_array_equal(run(path, inputs)[0], run(before, inputs)[0], strict=True)


def test_a_batch_normalisation_keeps_its_axis(tmp_path: Path) -> None:
    """Between layers over one position, where only axes of size one come and go."""
    g = Graph(18)
    y = g.add("Gemm", g.input("B", 6), g.weight("w1", 6, 8), name="a/Gemm")
    statistics = [
        g.constant(n, np.full(8, v, np.float32)) for n, v in zip("smbv", (2, 1, 1, 4), strict=True)
    ]
    y = g.add("BatchNormalization", y, *statistics, epsilon=0.0)
    y = g.add("Gemm", g.add("Round", y), g.weight("w2", 8, 3), name="b/Gemm")
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    onnx.save(g.model(y), before)
    assert rewrite_onnx(before, "convolution", after).report.moves.left == 2
    inputs = feeds(onnx.load(before))
    np.testing.assert_array_equal(run(after, inputs)[0], run(before, inputs)[0])


def test_a_value_that_is_also_an_output(tmp_path: Path) -> None:
    """It stays in place, under its name, though it is computed in the other form."""
    g = Graph(18)
    y = g.add("Relu", g.add("MatMul", g.input("B", "S", 6), g.weight("w1", 6, 8)), output="hidden")
    z = g.add("MatMul", y, g.weight("w2", 8, 3))
    model = g.model(y, z, direct=True)
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    onnx.save(model, before)
    rewrite_onnx(before, "convolution", after)
    assert onnx.load(after).graph.output == model.graph.output
    for a, b in zip(run(before, feeds(model)), run(after, feeds(model)), strict=True):
        np.testing.assert_array_equal(a, b)
