"""Branches and loops of ONNX files, as onnxruntime runs them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper, parser

from helpers.onnx_nodes import run
from onebyone.errors import InputError
from onebyone.graphs.recording import record
from onebyone.models.onnx import control
from onebyone.models.onnx.building import MOST_BYTES, Builder
from onebyone.models.onnx.network import Graph
from onebyone.models.onnx.reading import load_onnx
from onebyone.models.onnx.values import Known

_X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def _model(text: str, opset: int = 17) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 8, opset_import: ["": {opset}]> {text}')


def _check(model: onnx.ModelProto, *inputs: Any, constant: tuple[str, ...] = ()) -> None:
    feeds = {value.name: given for value, given in zip(model.graph.input, inputs, strict=True)}
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feeds)
    for ours, theirs in zip(run(model, inputs, constant), wanted, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


_IF = """
main (float[N, 4] x, bool c) => (float[N, M] y) {
  w = Constant <value = float[4, 2] {1, 2, 3, 4, 5, 6, 7, 8}> ()
  y = If (c) <
    then_branch = taken () => (float[A, B] a) { k = MatMul (x, w)  a = Relu (k) },
    else_branch = other () => (float[A, B] b) { k = Neg (x)  b = Add (k, x) }
  >
}"""


@pytest.mark.parametrize("condition", [False, True])
@pytest.mark.parametrize("opset", [11, 13, 17])
def test_a_constant_condition_takes_its_branch(condition: bool, opset: int) -> None:
    _check(_model(_IF, opset), _X, np.array(condition), constant=("c",))


def test_a_condition_of_the_image_is_refused() -> None:
    with pytest.raises(InputError, match="If 'y' takes its condition from what is computed of the"):
        run(_model(_IF), [_X, np.array(True)], [])


def test_a_branch_that_is_taken_is_nodes_like_others() -> None:
    """What is within has the names of the branch, and initializers that hide none outside."""
    model = _model(_IF)
    inner = model.graph.node[1].attribute[0].g
    inner.initializer.append(numpy_helper.from_array(np.full((4, 2), 3, np.float32), "w"))
    _check(model, _X, np.array(True), constant=("c",))


_NESTED = """
main (float[N, 4] x, bool c, bool d) => (float[N, 4] y) {
  y = If (c) <
    then_branch = one () => (float[A, B] a) {
      k = Relu (x)
      a = If (d) <
        then_branch = two () => (float[A, B] e) { e = Add (k, x) },
        else_branch = three () => (float[A, B] f) { f = Mul (k, x) }
      >
    },
    else_branch = four () => (float[A, B] b) { b = Identity (x) }
  >
}"""


@pytest.mark.parametrize("outer", [False, True])
@pytest.mark.parametrize("inner", [False, True])
def test_branches_within_branches(outer: bool, inner: bool) -> None:
    given = _X, np.array(outer), np.array(inner)
    _check(_model(_NESTED), *given, constant=("c", "d"))


_OF_SIZES = """
main (float[N, 1, W] x) => (float[N, V] y) {
  s = Shape (x)
  two = Constant <value = int64 {2}> ()
  w = Gather (s, two)
  five = Constant <value = int64 {5}> ()
  c = Equal (w, five)
  one = Constant <value = int64[1] {1}> ()
  m, p = If (c) <
    then_branch = taken () => (float[A, B] a, int64[C] i) { a = Squeeze (x, one)  i = Shape (x) },
    else_branch = other () => (float[D, E] b, int64[F] j) {
      k = Squeeze (x, one)  b = Relu (k)  j = Constant <value = int64[3] {1, 0, 7}> () }
  >
  last = Gather (p, two)
  f = Cast <to = 1> (last)
  y = Mul (m, f)
}"""


@pytest.mark.parametrize("width", [4, 5])
def test_a_condition_of_open_sizes_is_asked_when_it_runs(width: int) -> None:
    model = _model(_OF_SIZES)
    x = np.random.default_rng(1).normal(size=(2, 1, width)).astype(np.float32)
    (wanted,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    network = Graph(["x"], ["y"])
    Builder(Path("m.onnx"), 17, MOST_BYTES).build(model.graph, network, {"x": Known()})
    assert any("then" in name for name, _ in network.named_modules())
    (found,) = network(torch.tensor(x))
    np.testing.assert_allclose(found.numpy(), wanted)
    graph = record(_First(network), torch.tensor(x)).graph
    assert ("relu" in str(graph)) == (width == 4)


@pytest.mark.parametrize("width", [4, 5])
def test_a_condition_of_known_sizes_takes_its_branch(width: int) -> None:
    x = np.random.default_rng(1).normal(size=(2, 1, width)).astype(np.float32)
    _check(_model(_OF_SIZES), x)


class _First(torch.nn.Module):
    def __init__(self, network: Graph) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)[0]


_LOOP = """
main (float[N, 4] x, int64 n, bool c) => (float[N, 4] y, float[T, N, 4] rows, int64[T] turns) {
  half = Constant <value = float {0.5}> ()
  y, rows, turns = Loop (n, c, x) <
    body = turn (int64 i, bool go, float[A, B] v) =>
        (bool on, float[A, B] u, float[A, B] row, int64 t) {
      k = Mul (v, half)  u = Add (k, x)  row = Tanh (u)  t = Identity (i)
      limit = Constant <value = int64 {3}> ()  on = Less (i, limit)
    }
  >
}"""


@pytest.mark.parametrize("turns", [1, 3, 9])
@pytest.mark.parametrize("opset", [11, 13, 17])
def test_a_loop_of_known_turns(turns: int, opset: int) -> None:
    """A condition within stops it after four turns."""
    given = _X, np.array(turns), np.array(True)
    _check(_model(_LOOP, opset), *given, constant=("n", "c"))


def test_a_loop_without_turns_gives_rows_of_none() -> None:
    model = _model(_LOOP.replace("float[A, B] row", "float[3, 4] row"))
    found = run(model, [_X, np.array(5), np.array(False)], ["n", "c"])
    np.testing.assert_array_equal(found[0], _X)
    assert [y.shape for y in found[1:]] == [(0, 3, 4), (0,)]


@pytest.mark.parametrize(
    ("constant", "told"), [(("c",), "its number of turns"), (("n",), "its condition")]
)
def test_a_loop_that_the_image_decides_is_refused(constant: tuple[str, ...], told: str) -> None:
    with pytest.raises(InputError, match=f"{told} from what is computed of the image"):
        run(_model(_LOOP), [_X, np.array(2), np.array(True)], constant)


def test_a_loop_of_too_many_turns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "MOST_NODES", 30)
    text = _LOOP.replace("{3}", "{99999999}")
    with pytest.raises(InputError, match="Loop 'y' makes more than 30 nodes of it"):
        run(_model(text), [_X, np.array(99), np.array(True)], ["n", "c"])


_WITHIN = """
main (float[N, 4] x, int64 n) => (float[N, 4] y) {
  go = Constant <value = int64 {1}> ()
  yes = Cast <to = 9> (go)
  y = Loop (n, yes, x) <
    body = outer (int64 i, bool c, float[A, B] v) => (bool d, float[A, B] w) {
      d = Identity (c)
      w = Loop (i, c, v) <
        body = inner (int64 j, bool e, float[A, B] p) => (bool f, float[A, B] q) {
          f = Identity (e)
          k = Cast <to = 1> (j)
          r = Add (p, k)
          q = Mul (r, x)
        }
      >
    }
  >
}"""


def test_loops_within_loops() -> None:
    _check(_model(_WITHIN), _X, np.array(4), constant=("n",))


_LIST = """
main (float[N, 4] x, int64 n, bool c) => (float[N, 8] y) {
  none = SequenceEmpty ()
  all = Loop (n, c, none) <
    body = turn (int64 i, bool go, seq(float[A, B]) v) => (bool on, seq(float[A, B]) u) {
      on = Identity (go)  f = Cast <to = 1> (i)  k = Add (x, f)  u = SequenceInsert (v, k)
    }
  >
  zero = Constant <value = int64 {0}> ()
  fewer = SequenceErase (all, zero)
  y = ConcatFromSequence <axis = 1> (fewer)
}"""


def test_a_list_that_a_loop_fills() -> None:
    _check(_model(_LIST), _X, np.array(3), np.array(True), constant=("n", "c"))


@pytest.mark.parametrize("new_axis", [0, 1])
@pytest.mark.parametrize("opset", [11, 17])
def test_sequences_of_known_parts(new_axis: int, opset: int) -> None:
    text = """
    main (float[6, 4] x) => (float[A, B] y, float[C, D] z, int64 n) {
      two = Constant <value = int64 {2}> ()
      parts = SplitToSequence <axis = 0> (x, two)
      y = ConcatFromSequence <axis = 1> (parts)
      back = Constant <value = int64 {-1}> ()
      z = SequenceAt (parts, back)
      n = SequenceLength (parts)
    }"""
    if new_axis:
        text = text.replace("<axis = 1>", "<axis = 1, new_axis = 1>").replace("[A, B]", "[A, B, E]")
    x = np.arange(24, dtype=np.float32).reshape(6, 4)
    _check(_model(text, opset), x)


@pytest.mark.parametrize("split", [None, "4", "[2] {4, 2}"])
@pytest.mark.parametrize("keep", [0, 1])
def test_tensors_are_split_to_sequences(split: str | None, keep: int) -> None:
    if split == "4" and not keep:
        pytest.skip("onnxruntime does not run it")
    given = "" if split is None else f"s = Constant <value = int64{_value(split)}> ()"
    text = f"""
    main (float[6, 4] x) => (float[A, B] y) {{
      {given}
      parts = SplitToSequence <axis = 0, keepdims = {keep}> (x{"" if split is None else ", s"})
      one = Constant <value = int64 {{1}}> ()
      y = SequenceAt (parts, one)
    }}"""
    if split is None and not keep:
        text = text.replace("[A, B]", "[A]")
    _check(_model(text), np.arange(24, dtype=np.float32).reshape(6, 4))


def _value(split: str) -> str:
    return split if split.startswith("[") else f" {{{split}}}"


def test_a_place_outside_of_a_sequence_is_refused() -> None:
    text = """
    main (float[6, 4] x) => (float[A, B] y) {
      parts = SequenceConstruct (x, x)
      five = Constant <value = int64 {5}> ()
      y = SequenceAt (parts, five)
    }"""
    with pytest.raises(InputError, match="takes place 5 of a sequence of 2"):
        run(_model(text), [_X], [])


def _scan(**says: Any) -> onnx.ModelProto:
    model = _model("""
    main (float[N, 3] h, float[A, B, C] x) => (float[N, 3] y, float[D, E, F] rows) {
      y = Identity (h)
    }""")
    body = parser.parse_graph(
        "turn (float[2, 3] s, float[2, 3] p) => (float[2, 3] t, float[2, 3] r)"
        "{ k = Tanh (s)  t = Add (k, p)  r = Neg (t) }"
    )
    node = helper.make_node("Scan", ["h", "x"], ["y", "rows"], body=body, num_scan_inputs=1, **says)
    del model.graph.node[:]
    model.graph.node.append(node)
    return model


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("back", [0, 1])
@pytest.mark.parametrize("axis_of_results", [0, 1, 2])
def test_scan(axis: int, back: int, axis_of_results: int) -> None:
    sizes = [2, 3]
    sizes.insert(axis, 5)
    rng = np.random.default_rng(0)
    h, x = (rng.normal(size=s).astype(np.float32) for s in ((2, 3), sizes))
    model = _scan(
        scan_input_axes=[axis], scan_input_directions=[back],
        scan_output_axes=[axis_of_results], scan_output_directions=[1 - back],
    )  # fmt: skip
    _check(model, h, x)


def test_a_scan_along_the_batch_is_refused() -> None:
    network = Graph(["h", "x"], ["y", "rows"])
    meta = [torch.empty(n, 2, 3, device="meta") for n in (7, 11)]
    state = torch.empty(2, 3, device="meta")
    known = {"h": Known(runs=(state, state)), "x": Known(runs=(meta[0], meta[1]))}
    with pytest.raises(InputError, match="Scan 'y' goes along the batch"):
        Builder(Path("m.onnx"), 17, MOST_BYTES).build(_scan().graph, network, known)


def test_names_in_a_loop_are_those_of_its_turns(tmp_path: Path) -> None:
    """A network within a loop is read from a file, recorded, and has modules by turn."""
    model = _model("""
    main (float[N, 3, 8, 8] x) => (float[N, 3, 8, 8] y) {
      n = Constant <value = int64 {2}> ()
      y = Loop (n, , x) <
        body = turn (int64 i, bool c, float[N, 3, 8, 8] v) => (bool d, float[N, 3, 8, 8] w) {
          d = Identity (c)
          k = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (v, weight)
          w = Relu (k)
        }
      >
    }""")
    weight = np.random.default_rng(0).normal(size=(3, 3, 3, 3)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weight, "weight"))
    onnx.save(model, tmp_path / "m.onnx")
    network = load_onnx(str(tmp_path / "m.onnx")).network
    assert isinstance(network, torch.nn.Module)
    assert {"y.0.k", "y.1.k"} <= {name for name, _ in network.named_modules()}
    x = np.random.default_rng(1).normal(size=(2, 3, 8, 8)).astype(np.float32)
    (wanted,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    with torch.no_grad():
        np.testing.assert_allclose(network(torch.tensor(x)).numpy(), wanted, rtol=1e-4, atol=1e-4)
    assert str(record(network, torch.tensor(x)).graph).count("relu") >= 2
