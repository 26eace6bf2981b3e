"""What is the same text in both files is equal without being understood, in part or as a whole."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.onnx_pairs import floats, model, shape
from onebyone.equivalence.onnx import SAME, check_onnx
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.structure import difference, structure
from onebyone.equivalence.onnx.structure.table import Table
from onebyone.equivalence.onnx.structure.values import Term

UNDERSTOOD = "equal for every input in real arithmetic"
LAYER = "y = Gemm(x, w, b)"
LAYER_AGAIN = "u = MatMul(x, w) y = Add(u, b)"
ONE = "float[N,4] x"
PARTS = {
    "mean of a normalisation": (ONE, "float[N,3] o, float[N,1] p",
                                "o, p = LayerNormalization(y, b, b)"),
    "mask of a dropout": (ONE, "float[N,3] o, bool[N,3] p", "o, p = Dropout(y)"),
    "indices of a pooling": ("float[4,4] x", "float[1,4,2] o, int64[1,4,2] p",
                             "z = Unsqueeze(y, zero) o, p = MaxPool<kernel_shape=[2]>(z)"),
    "If without shapes": ("float[N,4] x, bool c", "float[A,B] o", """h = If (c) <
        then_branch = g () => (float a) { a = Squeeze(y) },
        else_branch = k () => (float d) { d = Neg(y) }> o = Neg(h)"""),
    "Range": (ONE, "int64[A] o",
              "s = ReduceMax<keepdims=0>(y) k = Cast<to=7>(s) r = Range(one, k, one) o = Neg(r)"),
    "sequence": (ONE, "float[A,B] o",
                 "s = SplitToSequence<axis=1>(y) q = Neg(x) o = SequenceAt(s, one)"),
    "sequence as an output": (ONE, "seq(float[A,B]) o", "o = SequenceConstruct(y, y)"),
    "sequence in a loop": (ONE, "float[A,B] o", """e = SequenceEmpty() t, s = Loop (n, c, y, e) <
        body = g (int64 i, bool k, float[N,3] f, seq(float[N,3]) q)
            => (bool z, float[N,3] r, seq(float[N,3]) p)
        { z = Identity(k) r = Tanh(f) p = SequenceInsert(q, r) }>
        o = ConcatFromSequence<axis=0>(s)"""),
    "optional": (ONE, "float[A,B] o", "h = Optional(y) o = OptionalGetElement(h)"),
    "size not known": (ONE, "float[A] o", """m = Greater(y, b) p = NonZero(m) t = Transpose(p)
        g = GatherND(y, t) o = Relu(g)"""),
    "not a number": (ONE, "float[A,B] o", "o = LeakyRelu<alpha=nan>(y)"),
    "random": (
        ONE, "float[A,B] o", "p = RandomNormalLike(y) q = RandomNormalLike(y) o = Sub(p, q)"),
    "training": (ONE, "float[A,B] o", "o, p = Dropout(y, half, true)"),
    "text": (ONE, "string[A,B] o", "o = Cast<to=8>(y)"),
    "another domain": (ONE, "float[N,B] o", "z = com.microsoft.QuickGelu(y) o = Relu(z)"),
    "operator that nobody has": (ONE, "float[N,B] o", "z = own.Secret<k=1>(y) o = Relu(z)"),
    "size cast to eight bits": (ONE, "float[A,B] o", """s = Shape(y) e = Cast<to=3>(s)
        l = Cast<to=7>(e) o = Reshape(y, l)"""),
}  # fmt: skip


def saved(folder: Path, before: onnx.ModelProto, after: onnx.ModelProto) -> tuple[Path, Path]:
    paths = folder / "before.onnx", folder / "after.onnx"
    for made, path in zip((before, after), paths, strict=True):
        onnx.save(made, path)
    return paths


def made(name: str, layer: str) -> onnx.ModelProto:
    """A layer and what is not understood behind it."""
    inputs, outputs, rest = PARTS[name]
    text = f"m ({inputs}) => ({outputs}) {{ {layer} {rest.replace('nan', '0.5')} }}"
    arrays = {"w": floats(np.random.default_rng(0), 4, 3), "b": np.ones(3, np.float32)}
    arrays |= {"zero": shape(0), "one": np.int64(1), "n": np.int64(2), "c": np.bool_(True)}
    arrays |= {"half": np.float32(0.5), "true": np.bool_(True)}
    if "bool c" in inputs:
        del arrays["c"]
    header = '<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1, "own" : 1]>'
    out = onnx.parser.parse_model(f"{header}\n{text}")
    for key, array in arrays.items():
        out.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), key))
    for node in out.graph.node:
        for attribute in node.attribute:
            if attribute.name == "alpha":
                attribute.f = np.nan
            for value in attribute.g.output if attribute.name.endswith("branch") else ():
                value.type.tensor_type.ClearField("shape")
    return out


@pytest.mark.parametrize("name", PARTS)
def test_a_file_equals_itself(name: str, tmp_path: Path):
    paths = saved(tmp_path, made(name, LAYER), made(name, LAYER))
    rows = check_onnx(*paths)
    assert [row.name for row in rows] == ["structure", "integers", "numbers"]
    assert all(row.passed and row.detail == SAME for row in rows)
    assert structure(*map(File, paths)).detail == UNDERSTOOD


@pytest.mark.parametrize("name", PARTS)
def test_a_part_equals_itself(name: str, tmp_path: Path):
    """A layer before it is written otherwise."""
    paths = saved(tmp_path, made(name, LAYER), made(name, LAYER_AGAIN))
    assert structure(*map(File, paths)).detail == UNDERSTOOD
    assert check_onnx(*paths, "structure")[0].detail == UNDERSTOOD


@pytest.mark.parametrize("name", PARTS)
def test_a_layer_that_differs_before_it(name: str, tmp_path: Path):
    paths = saved(tmp_path, made(name, LAYER), made(name, "y = MatMul(x, w)"))
    assert not structure(*map(File, paths)).passed


def test_the_first_difference_may_lie_deep():
    """Deeper than Python calls itself."""
    table = Table()

    def chain(start: str) -> Term:
        term = table.term("input", (start,), (), 1)
        for _ in range(2 * sys.getrecursionlimit()):
            term = table.term("Neg", (), [(term, None)], 1)
        return term

    assert "has the settings ('x',)" in difference(chain("x"), chain("y"))


def test_external_data_that_lies_otherwise(tmp_path: Path):
    """The same constants in other files, or in none."""
    w = floats(np.random.default_rng(0), 64, 64)
    inside = model("m (float[N,64] x) => (float[N,64] o) { o = MatMul(x, w) }", {"w": w})
    outside = onnx.ModelProto()
    outside.CopyFrom(inside)
    paths = tmp_path / "before.onnx", tmp_path / "after.onnx"
    onnx.save(inside, paths[0])
    onnx.save(outside, paths[1], save_as_external_data=True, location="w.bin", size_threshold=9)
    assert all(row.detail == SAME for row in check_onnx(*paths))
    data = bytearray((tmp_path / "w.bin").read_bytes())
    data[100] ^= 1
    (tmp_path / "w.bin").write_bytes(data)
    assert not any(row.detail == SAME for row in check_onnx(*paths))
