"""Layers that are left as they are, each with its reason; ties; choices by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from helpers.onnx_cases import Graph, dequantized, feeds, run
from onebyone.equivalence.onnx import check_onnx
from onebyone.rewriting.onnx import rewrite_onnx
from onebyone.rewriting.report import Report
from onebyone.rewriting.selection import Selection


def rewrite(model: onnx.ModelProto, to: str, folder: Path, **options: Any) -> tuple[Report, Path]:
    before, after = folder / "before.onnx", folder / "after.onnx"
    onnx.save(model, before)
    report = rewrite_onnx(before, to, after, Selection(**options)).report
    onnx.checker.check_model(str(after), full_check=True)
    inputs = feeds(model)
    for a, b in zip(run(before, inputs), run(after, inputs), strict=True):
        np.testing.assert_array_equal(b, a)
    return report, after


def _conv(**attributes: Any) -> Callable[[Graph], str]:
    def build(g: Graph) -> str:
        kernel = attributes.get("kernel_shape", [1, 1])
        groups = attributes.get("group", 1)
        return g.add(
            "Conv", g.input(2, 4, 5, 5), g.weight("w", 4, 4 // groups, *kernel), **attributes
        )

    return build


def _attention(g: Graph) -> str:
    x = g.input("B", "S", 4)
    return g.add("MatMul", x, g.add("Transpose", x, perm=[0, 2, 1]))


def _batched(g: Graph) -> str:
    return g.add("MatMul", g.input(2, 5, 6), g.weight("w", 2, 6, 3))


def _vector(g: Graph) -> str:
    return g.add("MatMul", g.input("B", 6), g.weight("w", 6))


def _double(g: Graph) -> str:
    x = g.add("Cast", g.input("B", 6), to=TensorProto.DOUBLE)
    y = g.add("MatMul", x, g.constant("w", g.integers(6, 3, dtype=np.float64)))
    return g.add("Cast", y, to=TensorProto.FLOAT)


def _shared(g: Graph) -> str:
    w = g.weight("w", 6, 6)
    return g.add(
        "Add", g.add("MatMul", g.input("B", "S", 6), w), g.add("ReduceSum", g.add("Relu", w))
    )


def _two_forms(g: Graph) -> str:
    x, w = g.input("B", 6), g.weight("w", 6, 6)
    return g.add("Gemm", g.add("Gemm", x, w, name="a"), w, name="b", transB=1)


def _integer(g: Graph) -> str:
    x = g.add("Cast", g.input("B", 6), to=TensorProto.UINT8)
    w = g.constant("w", g.integers(6, 3, dtype=np.int8))
    return g.add("Cast", g.add("MatMulInteger", x, w), to=TensorProto.FLOAT)


def _conv_integer(g: Graph) -> str:
    x = g.add("Cast", g.add("Abs", g.input(2, 4, 5, 5)), to=TensorProto.UINT8)
    w = g.constant("w", g.integers(3, 4, 1, 1, dtype=np.uint8, low=0))
    return g.add("Cast", g.add("ConvInteger", x, w), to=TensorProto.FLOAT)


def _scales_cut_up(g: Graph) -> str:
    w = dequantized(g, (12, 4), 0)
    return g.add("Gemm", g.add("Flatten", g.input("B", 3, 2, 2)), w)


def _bits(g: Graph) -> str:
    packed = g.constant("w", g.integers(3, 1, 8, dtype=np.uint8, low=0))
    scales = g.constant("scales", np.ones(3, np.float32))
    y = g.add(
        "MatMulNBits", g.input("B", 16), packed, scales,
        domain="com.microsoft", K=16, N=3, bits=4, block_size=16,
    )  # fmt: skip
    y = g.add("Cast", y, to=TensorProto.FLOAT)
    return g.add("Reshape", y, g.constant("shape", np.array([-1, 3])))


def _spread(g: Graph) -> str:
    return g.add("ConvTranspose", g.input(2, 4, 5, 5), g.weight("w", 4, 3, 1, 1), strides=[2, 2])


@pytest.mark.parametrize(
    ("build", "to", "reason"),
    [
        (_attention, "convolution", "weight is not constant"),
        (_batched, "convolution", "weight has 3 axes"),
        (_vector, "convolution", "weight has 1 axes"),
        (_double, "convolution", "numbers are double"),
        (_shared, "convolution", "w is also used by Relu"),
        (_two_forms, "convolution", "need it in two forms"),
        (_integer, "convolution", "not in QDQ form"),
        (_bits, "convolution", "packed in blocks"),
        (_scales_cut_up, "convolution", "does not stay whole"),
        (_conv_integer, "linear", "not in QDQ form"),
        (_conv(kernel_shape=[3, 3]), "linear", "3×3 covers more than one position"),
        (_conv(pads=[1, 1, 1, 1]), "linear", "S10"),
        (_conv(kernel_shape=[5, 5], group=2), "linear", "in 2 groups"),
        (_spread, "linear", "between zeros"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_reasons(build: Callable[[Graph], str], to: str, reason: str, tmp_path: Path) -> None:
    g = Graph(18)
    report, after = rewrite(g.model(build(g)), to, tmp_path)
    assert report.left
    assert not report.rewritten
    for row in report.left:
        assert reason in row.reason
    assert onnx.load(after).graph == onnx.load(tmp_path / "before.onnx").graph


def _chain(names: str = "abc") -> onnx.ModelProto:
    g = Graph(18)
    value = g.input("B", "S", 6)
    for name in names:
        value = g.add("MatMul", value, g.weight(f"w_{name}", 6, 6), name=f"{name}/MatMul")
    return g.model(value)


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"where": "^(a|c)/"}, ["Conv", "not in where", "Conv"]),
        ({"skip": "^b"}, ["Conv", "in skip", "Conv"]),
        ({"where": "^[ab]/", "skip": "^a"}, ["in skip", "Conv", "not in where"]),
    ],
)
def test_choices_by_name(options: dict[str, str], rows: list[str], tmp_path: Path) -> None:
    report, _ = rewrite(_chain(), "convolution", tmp_path, **options)
    assert [row.name for row in report.rows] == ["a/MatMul", "b/MatMul", "c/MatMul"]
    assert [row.became or row.reason for row in report.rows] == rows


def test_a_dry_run_gives_no_path(tmp_path: Path) -> None:
    onnx.save(_chain(), tmp_path / "in.onnx")
    assert rewrite_onnx(tmp_path / "in.onnx", "convolution", None).model is None


def test_a_tied_weight_of_which_one_user_is_not_chosen(tmp_path: Path) -> None:
    g = Graph(18)
    x, w = g.input("B", "S", 6), g.weight("w", 6, 6)
    y = g.add("MatMul", g.add("MatMul", x, w, name="a"), w, name="b")
    report, _ = rewrite(g.model(y), "convolution", tmp_path, where="a")
    assert [(row.name, row.reason) for row in report.rows] == [
        ("a", "its weight w is also used by b"),
        ("b", "not in where"),
    ]


def test_tied_weights_stay_one(tmp_path: Path) -> None:
    g = Graph(18)
    x, w = g.input("B", "S", 6), g.weight("w", 6, 6)
    y = g.add("MatMul", g.add("MatMul", x, w, name="a"), w, name="b")
    _, after = rewrite(g.model(y), "convolution", tmp_path)
    graph = onnx.load(after).graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert [node.input[1] for node in convolutions] == ["w", "w"]
    assert [list(t.dims) for t in graph.initializer if t.name == "w"] == [[6, 6, 1, 1]]


def test_names_and_metadata_stay(tmp_path: Path) -> None:
    model = _chain()
    model.doc_string = "the model"
    model.metadata_props.add(key="author", value="me")
    model.graph.node[1].metadata_props.add(key="scope", value="b")
    model.graph.node[1].doc_string = "the second"
    _, after = rewrite(model, "convolution", tmp_path)
    result = onnx.load(after)
    assert result.doc_string == "the model"
    assert [(p.key, p.value) for p in result.metadata_props] == [("author", "me")]
    nodes = {node.name: node for node in result.graph.node}
    assert {"a/Conv", "b/Conv", "c/Conv"} < set(nodes)
    assert nodes["b/Conv"].doc_string == "the second"
    assert [(p.key, p.value) for p in nodes["b/Conv"].metadata_props] == [("scope", "b")]
    assert result.graph.input == model.graph.input
    assert result.graph.output == model.graph.output
    assert {t.name for t in result.graph.initializer} >= {"w_a", "w_b", "w_c"}


def test_quantised_numbers_stay_bit_for_bit(tmp_path: Path) -> None:
    g = Graph(21)
    w = dequantized(g, (8, 4), 0, 4)
    model = g.model(g.add("MatMul", g.input("B", "S", 8), w))
    _, after = rewrite(model, "convolution", tmp_path)
    old, new = (
        {t.name: numpy_helper.to_array(t) for t in m.graph.initializer}
        for m in (model, onnx.load(after))
    )
    for name in ("w", "w_scale", "w_zero"):
        np.testing.assert_array_equal(new[name][:, :, 0, 0], old[name].T, strict=True)


def _branch(name: str, weight: np.ndarray, extra: list[onnx.TensorProto]) -> onnx.GraphProto:
    """A branch that reads x from outside; its weight is its own, or the outer graph's."""
    node = helper.make_node(
        "MatMul", ["x", extra[0].name if extra else "outer"], [f"{name}_y"], name
    )
    out = helper.make_tensor_value_info(f"{name}_y", TensorProto.FLOAT, ["B", "S", 3])
    return helper.make_graph([node], name, [], [out], extra)


def test_bodies_of_if(tmp_path: Path) -> None:
    g = Graph(18)
    g.input("B", "S", 6)
    g.inputs.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    g.weight("outer", 6, 3)
    own = numpy_helper.from_array(g.integers(6, 3), "own")
    branches = {
        "then_branch": _branch("then/MatMul", np.zeros(0), []),
        "else_branch": _branch("else/MatMul", np.zeros(0), [own]),
    }
    y = g.add("If", "c", **branches)
    y = g.add("MatMul", y, g.weight("w", 3, 3), name="after/MatMul")
    model = g.model(y)
    report, after = rewrite(model, "convolution", tmp_path)
    assert len(report.rewritten) == 3
    inputs = {"x": feeds(model)["x"]}
    for choice in (True, False):
        taken = inputs | {"c": np.array(choice)}
        first, second = (run(p, taken)[0] for p in (tmp_path / "before.onnx", after))
        np.testing.assert_array_equal(first, second)
    for row in check_onnx(tmp_path / "before.onnx", after):
        assert row.passed, row


def test_bodies_of_loops(tmp_path: Path) -> None:
    """A layer in the body whose weight is outside, and what it reads was rewritten outside."""
    g = Graph(18)
    x = g.add("MatMul", g.input("B", "S", 6), g.weight("w", 6, 6), name="first/MatMul")
    x = g.add("Relu", x)
    g.weight("v", 6, 6)
    state = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["B", "S", 6]) for n in ("s", "t")]
    kinds = {"k": TensorProto.INT64, "c": TensorProto.BOOL, "d": TensorProto.BOOL}
    k, c, d = (helper.make_tensor_value_info(n, kind, []) for n, kind in kinds.items())
    nodes = [
        helper.make_node("MatMul", ["s", "v"], ["p"], "body/MatMul"),
        helper.make_node("Add", ["p", x], ["q"], "body/Add"),
        helper.make_node("Clip", ["q"], ["t"], "body/Clip"),
        helper.make_node("Identity", ["c"], ["d"], "body/Identity"),
    ]
    body = helper.make_graph(nodes, "body", [k, c, state[0]], [d, state[1]])
    trips = g.constant("trips", np.array(2))
    y = g.add("Loop", trips, g.constant("go", np.array(True)), x, body=body)
    y = g.add("Reshape", y, g.constant("shape", np.array([-1, 6])))
    report, after = rewrite(g.model(y), "convolution", tmp_path)
    assert len(report.rewritten) == 2
    for row in check_onnx(tmp_path / "before.onnx", after):
        assert row.passed, row


def test_bodies_of_functions_are_left(tmp_path: Path) -> None:
    body = [helper.make_node("MatMul", ["a", "b"], ["c"], "inside/MatMul")]
    opset = [helper.make_opsetid("", 18)]
    function = helper.make_function("mine", "Product", ["a", "b"], ["c"], body, opset)
    g = Graph(18)
    g.input("B", "S", 6)
    g.weight("w", 6, 3)
    node = helper.make_node("Product", ["x", "w"], ["y"], "call", domain="mine")
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B", "S", 3])
    graph = helper.make_graph([node], "g", g.inputs, [out], g.constants)
    opsets = [*opset, helper.make_opsetid("mine", 1)]
    model = helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=9)
    report, _ = rewrite(model, "convolution", tmp_path)
    assert [(row.name, row.reason) for row in report.rows] == [
        ("inside/MatMul", "it is in the body of a function")
    ]


def test_old_opsets_are_left(tmp_path: Path) -> None:
    model = _chain()
    model.opset_import[0].version = 9
    report, _ = rewrite(model, "convolution", tmp_path)
    assert {row.reason for row in report.rows} == {"the file is of opset 9, before 11"}
