"""Functions of files and of ONNX, written out where they are called."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, parser

from helpers.onnx_nodes import run
from onebyone.errors import InputError
from onebyone.models.onnx import table

_X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def _check(model: onnx.ModelProto, *inputs: Any, constant: tuple[str, ...] = ()) -> None:
    feeds = {value.name: given for value, given in zip(model.graph.input, inputs, strict=True)}
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    for ours, theirs in zip(run(model, inputs, constant), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def _model(inner: int = 17, body: str = "z = Softmax <axis: int = @axis> (y)") -> onnx.ModelProto:
    return parser.parse_model(f"""
    <ir_version: 10, opset_import: ["": 17, "own": 1]>
    main (float[N, 4] x) => (float[N, 4] y) {{
      k = own.Outer <axis = 0> (x)
      y = own.Outer <axis = 1> (k)
    }}
    <domain: "own", opset_import: ["": {inner}, "own": 1]>
    Outer <axis> (x) => (z) {{ y = own.Inner (x, x)  {body} }}
    <domain: "own", opset_import: ["": 17]>
    Inner (a, b) => (c) {{ d = Tanh (a)  c = Add (d, b) }}
    """)


def test_functions_that_call_functions() -> None:
    _check(_model(), _X)


def test_overloads_are_told_apart() -> None:
    model = _model()
    other = onnx.FunctionProto()
    other.CopyFrom(model.functions[1])
    other.overload = "minus"
    other.node[1].op_type = "Sub"
    model.functions.append(other)
    model.graph.node[1].CopyFrom(
        helper.make_node("Inner", ["k", "x"], ["y"], domain="own", overload="minus")
    )
    first = run(_model(), [_X], [])
    (found,) = run(model, [_X], [])
    assert not np.allclose(found, first[0])


def test_a_function_of_another_operator_set_that_means_the_same() -> None:
    """Softmax is that of 13 in all of these."""
    model = _model(14)
    (found,) = run(model, [_X], [])
    (wanted,) = run(_model(), [_X], [])
    np.testing.assert_array_equal(found, wanted)


def test_a_function_that_means_something_else_is_refused() -> None:
    with pytest.raises(
        InputError,
        match=r"the function 'Outer' is written in ONNX's operator set "
        r"12, where 'Softmax' is not that of 17",
    ):
        run(_model(12), [_X], [])


@pytest.mark.parametrize(
    ("operator", "says", "inputs"),
    [
        ("Gelu", {"approximate": "tanh"}, [_X]),
        ("Elu", {"alpha": 0.5}, [_X]),
        ("Softmax", {"axis": 1}, [_X]),
        ("LogSoftmax", {}, [_X]),
        ("Mish", {}, [_X]),
        ("LayerNormalization", {}, [_X, _X[0], _X[1]]),
        ("Softplus", {}, [_X]),
        ("Shrink", {"lambd": 0.3, "bias": 0.1}, [_X]),
    ],
)
def test_bodies_are_what_onnxruntime_computes(
    monkeypatch: pytest.MonkeyPatch, operator: str, says: dict[str, Any], inputs: list[np.ndarray]
) -> None:
    """Of operators that the table has, too: they are taken out of it first."""
    table.find(operator, 22)
    monkeypatch.delitem(table._TABLE, ("", operator), raising=False)
    names = [f"x{k}" for k in range(len(inputs))]
    given = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for n, x in zip(names, inputs, strict=True)
    ]
    node = helper.make_node(operator, names, ["y"], **says)
    made = helper.make_tensor_value_info("y", given[0].type.tensor_type.elem_type, None)
    graph = helper.make_graph([node], "one", given, [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    _check(model, *inputs)


def test_a_body_of_what_is_not_computed_is_refused() -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]>'
        "main (float[3, 4] x) => (float[3, 4] y) { y = Bernoulli (x) }"
    )
    with pytest.raises(InputError, match=r"operators that are not computed: Bernoulli \('y'\)"):
        run(model, [_X], [])


def test_what_is_cast_like_the_image_stays_constant() -> None:
    """So it may be what must be known, as the value of a Pad."""
    model = parser.parse_model("""
    <ir_version: 9, opset_import: ["": 19]>
    main (float[3, 4] x) => (float[A, B] y) {
      two = Constant <value = int64 {2}> ()
      value = CastLike (two, x)
      pads = Constant <value = int64[4] {0, 1, 0, 1}> ()
      y = Pad (x, pads, value)
    }""")
    _check(model, _X)
