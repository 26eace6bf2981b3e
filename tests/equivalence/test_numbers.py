"""Numbers alone: every kind of size, scalars, infinities, and what onnxruntime does not run."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.onnx_pairs import floats, model, shape
from onebyone.equivalence.onnx import numbers as module
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.numbers import numbers
from onebyone.rewriting.report import Check

HEAD = "m (float[N,1,4] x) => (float[A,B,4] o) { "


def verdict(folder: Path, before: onnx.ModelProto, after: onnx.ModelProto) -> Check:
    paths = folder / "before.onnx", folder / "after.onnx"
    for made, path in zip((before, after), paths, strict=True):
        onnx.save(made, path)
    return numbers(*map(File, paths))


def same(folder: Path, made: onnx.ModelProto) -> Check:
    return verdict(folder, made, made)


PLAIN = "o = Relu(x) }"
WRONG = {
    "N = 128": "l = Shape<start=0, end=1>(x) c = Cast<to=3>(l) d = Cast<to=7>(c) "
    "e = Concat<axis=0>(d, last) r = Relu(x) o = Reshape(r, e) }",
    "N = 0": "r = Relu(x) o = Reshape(r, open) }",
}


@pytest.mark.parametrize("size", WRONG)
def test_a_fault_at_one_size(size: str, tmp_path: Path):
    before = model(HEAD + PLAIN, {})
    after = model(HEAD + WRONG[size], {"last": shape(1, 4), "open": shape(0, -1, 4)})
    row = verdict(tmp_path, before, after)
    assert not row.passed
    assert row.decided
    assert size in row.detail
    passing = same(tmp_path, before)
    assert "also at N = 0, N = 1, N = 2, N = 127, N = 128, N = 300" in passing.detail


def test_an_axis_that_is_squeezed_away_at_one(tmp_path: Path):
    head = "m (float[N,4] x) => (float[A,B,4] o) { "
    before = model(head + "o = Unsqueeze(x, one) }", {"one": shape(1)})
    after = model(head + "u = Unsqueeze(x, one) v = Squeeze(u) o = Unsqueeze(v, one) }",
                  {"one": shape(1)})  # fmt: skip
    row = verdict(tmp_path, before, after)
    assert not row.passed
    assert "(1, 1, 4) before and float32 (4, 1) after" in row.detail  # N = 1 comes first


def test_sizes_with_which_the_original_does_not_run(tmp_path: Path):
    made = model(HEAD + WRONG["N = 0"], {"open": shape(0, -1, 4)})
    row = same(tmp_path, made)
    assert row.passed
    assert "the original does not run at N = 0" in row.detail


def test_what_would_take_long_is_left_out_and_said(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(module, "TIME", 0.0)
    row = same(tmp_path, model(HEAD + PLAIN, {}))
    assert row.passed
    assert "left out, since it takes long N = 0, N = 1" in row.detail


def test_scalars(tmp_path: Path):
    made = model("m (float[N,4] x, float s, int64 k) => (float[N,4] o) { o = Mul(x, s) }", {})
    assert same(tmp_path, made).passed


def test_infinities_of_another_sign(tmp_path: Path):
    text = "m (float[N,4] x) => (float[N,4] o) { y = Abs(x) o = Mul(y, a) }"
    before, after = (model(text, {"a": np.float32(a)}) for a in (np.inf, -np.inf))
    assert same(tmp_path, before).passed
    assert not verdict(tmp_path, before, after).passed


def test_what_onnxruntime_does_not_run_is_undecided(tmp_path: Path):
    made = model("m (float[N,4] x) => (float[N,4] o) { o = Relu(x) }", {})
    made.graph.node[0].domain = "nobody's"
    made.opset_import.append(onnx.helper.make_opsetid("nobody's", 1))
    row = same(tmp_path, made)
    assert not row.passed
    assert not row.decided
    assert str(row).startswith("numbers: undecided; does not run: ")


def test_two_dynamic_axes_each_for_itself(tmp_path: Path):
    w = floats(np.random.default_rng(0), 4, 5)
    made = model("m (float[N,S,4] x) => (float[N,S,5] o) { o = MatMul(x, w) }", {"w": w})
    detail = same(tmp_path, made).detail
    assert all(text in detail for text in ("N = 300", "S = 300", "all = 0"))
