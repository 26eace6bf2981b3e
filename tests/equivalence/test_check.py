"""The check as a whole: levels, what it says, files that it cannot follow, files on disk."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from helpers.onnx_pairs import PAIRS, floats, model, shape
from onebyone.equivalence import compare
from onebyone.equivalence.onnx import SAME, check_onnx
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.integers import integers
from onebyone.equivalence.onnx.structure import structure
from onebyone.errors import InputError
from onebyone.models.onnx import file as onnx_file


def saved(folder: Path, before: onnx.ModelProto, after: onnx.ModelProto) -> tuple[Path, Path]:
    paths = folder / "before.onnx", folder / "after.onnx"
    for made, path in zip((before, after), paths, strict=True):
        onnx.save(made, path)
    return paths


def test_levels(tmp_path: Path):
    pair = PAIRS["gemm"]()
    before, after = saved(tmp_path, pair.before, pair.after)
    assert [row.name for row in check_onnx(before, after)] == ["structure", "integers", "numbers"]
    assert [row.name for row in check_onnx(before, after, "structure")] == ["structure"]
    with pytest.raises(InputError, match="level='some' is unknown; use one of full, structure"):
        compare(before, after, "some")


def test_a_file_equals_itself(tmp_path: Path):
    made = PAIRS["attention"]().before
    rows = check_onnx(*saved(tmp_path, made, made))
    assert [row.name for row in rows] == ["structure", "integers", "numbers"]
    assert all(row.passed and row.detail == SAME for row in rows)


def test_the_first_difference_is_named(tmp_path: Path):
    pair = PAIRS["gemm"]()
    bias = next(t for t in pair.after.graph.initializer if t.name == "b")
    values = onnx.numpy_helper.to_array(bias).copy()
    values[2] = 7
    bias.CopyFrom(onnx.numpy_helper.from_array(values, "b"))
    structure, integers, _ = check_onnx(*saved(tmp_path, pair.before, pair.after))
    assert "output o: element 2 of 5" in structure.detail
    assert "Gemm Gemm0" in structure.detail
    assert "Conv Conv1" in structure.detail
    assert "from x to o: Gemm Gemm0, Relu Relu1, Gemm Gemm2" in integers.detail


def test_other_inputs(tmp_path: Path):
    text = "m (float[N,{}] x) => (float[N,{}] y) {{ y = Relu(x) }}"
    paths = saved(tmp_path, model(text.format(4, 4), {}), model(text.format(5, 5), {}))
    (row,) = check_onnx(*paths, "structure")
    assert row.detail == "input x has the shape [N,4] before and [N,5] after"


def test_names_of_dynamic_sizes_do_not_matter(tmp_path: Path):
    text = "m (float[{0},{1}] x) => (float[{0},{1}] y) {{ y = Relu(x) }}"
    first, second = model(text.format("N", "M"), {}), model(text.format("batch", "N"), {})
    assert check_onnx(*saved(tmp_path, first, second), "structure")[0].passed
    tied = model(text.format("N", "N"), {})
    assert not check_onnx(*saved(tmp_path, first, tied), "structure")[0].passed


def test_a_graph_within_a_node(tmp_path: Path):
    w = floats(np.random.default_rng(0), 8, 8)

    def made(first: str, branch: str, **arrays: np.ndarray) -> onnx.ModelProto:
        choice = f"""o = If (c) <
            then_branch = g1 () => (float[B,8] a) {{ a = {branch}(y) }},
            else_branch = g2 () => (float[B,8] b) {{ b = Neg(y) }}>"""
        return model(f"m (float[B,8] x, bool c) => (float[B,8] o) {{ {first} {choice} }}", arrays)

    before = made("y = MatMul(x, w)", "Relu", w=w)
    convolution = "u = Unsqueeze(x, two) v = Conv(u, w3) y = Squeeze(v, two)"
    arrays = {"w3": w.T[..., None].copy(), "two": shape(2)}
    right = saved(tmp_path, before, made(convolution, "Relu", **arrays))
    assert all(row.passed for row in check_onnx(*right))
    wrong = saved(tmp_path, before, made(convolution, "Abs", **arrays))
    assert not check_onnx(*wrong)[0].passed


def test_a_state_of_unknown_shape(tmp_path: Path):
    """What a Loop does with a state of no declared shape is read as it lies."""

    def made(step: str) -> onnx.ModelProto:
        body = f"g (int64 k, bool a, float s) => (bool z, float t) {{ z = Not(a) t = {step} }}"
        text = f"o = Loop (n, c, x) <body = {body}>"
        out = model(
            f"m (float[B,8] x, int64 n) => (float[B,8] o) {{ {text} }}", {"c": np.bool_(True)}
        )
        out.graph.node[0].attribute[0].g.input[2].type.tensor_type.ClearField("shape")
        return out

    before, longer, after = made("Relu(s)"), made("Relu(s) u = Neg(s)"), made("Neg(s)")
    paths = saved(tmp_path, before, longer)
    assert structure(*map(File, paths)).passed
    (row,) = check_onnx(*saved(tmp_path, before, after), "structure")
    assert "expected Relu" in row.detail
    assert "the number of axes is not known" in row.detail


def test_a_graph_that_reads_another_name(tmp_path: Path):
    """The same function, but integers compare values by their names."""
    head = "m (float[B,8] x, bool c) => (float[B,8] o, float[B,8] p) { "
    branches = """o = If (c) <then_branch = g1 () => (float[B,8] a) { a = Relu(%s) },
        else_branch = g2 () => (float[B,8] b) { b = Neg(x) }> }"""
    before = model(head + "p = Relu(x) y = Abs(x) " + branches % "y", {})
    after = model(head + "i = Relu(x) p = Identity(i) v = Abs(x) " + branches % "v", {})
    structure, integers, numbers = check_onnx(*saved(tmp_path, before, after))
    assert structure.passed
    assert not integers.passed
    assert "in the then_branch of If If2: undecided: the other file has no such" in integers.detail
    assert numbers.passed


def test_a_local_function_is_the_nodes_it_stands_for(tmp_path: Path):
    w = floats(np.random.default_rng(0), 8, 8)
    plain = model("m (float[B,8] x) => (float[B,8] o) { y = MatMul(x, w) o = Relu(y) }", {"w": w})
    packed = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17, "own" : 1]>
        m (float[B,8] x) => (float[B,8] o) { o = own.layer(x, w) }
        <opset_import: ["" : 17], domain: "own">
        layer (x, w) => (o) { y = MatMul(x, w) o = Relu(y) }""")
    packed.graph.initializer.append(onnx.numpy_helper.from_array(w, "w"))
    assert all(row.passed for row in check_onnx(*saved(tmp_path, plain, packed)))


def test_weights_of_local_functions_may_differ(tmp_path: Path):
    """Values within functions have names only where these are written out."""
    w = floats(np.random.default_rng(0), 8, 8)
    text = """
        <ir_version: 8, opset_import: ["" : 17, "own" : 1]>
        m (float[B,8] x) => (float[B,8] o) { o = own.twice(x, w) }
        <opset_import: ["" : 17, "own" : 1], domain: "own">
        twice (x, w) => (o) { a = own.layer(x, w) b = own.layer(a, w) o = Relu(b) }
        <opset_import: ["" : 17], domain: "own">
        layer (x, w) => (y) { y = MatMul(x, w) }"""
    files = []
    for weight in (w, w + 1):
        files.append(onnx.parser.parse_model(text))
        files[-1].graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
    assert not any(row.passed for row in check_onnx(*saved(tmp_path, *files)))


def test_external_data_within_branches(tmp_path: Path):
    """A branch is compared as a file of its own, which brings its weights along."""
    w = floats(np.random.default_rng(0), 8, 8)
    made = model(
        """m (float[N,8] x, bool c) => (float[N,8] o) { o = If (c) <
            then_branch = g1 () => (float[N,8] t) { t = MatMul(x, w) },
            else_branch = g2 () => (float[N,8] e) { e = Neg(x) }> }""",
        {"w": w},
    )
    (weight,) = made.graph.initializer
    inner = next(a.g for a in made.graph.node[0].attribute if a.name == "then_branch")
    inner.initializer.append(weight)
    del made.graph.initializer[:]
    paths = []
    for name, change in (("before", 0), ("after", 1)):
        paths.append(tmp_path / f"{name}.onnx")
        (tmp_path / f"{name}.bin").write_bytes((w + change).tobytes())
        (held,) = inner.initializer
        held.ClearField("raw_data")
        held.data_location = onnx.TensorProto.EXTERNAL
        del held.external_data[:]
        held.external_data.add(key="location", value=f"{name}.bin")
        paths[-1].write_bytes(made.SerializeToString())
    structure, integers, numbers = check_onnx(*paths)
    assert not structure.passed
    assert "in the then_branch of If" in integers.detail
    assert "undecided" not in integers.detail
    assert not numbers.passed


def test_inputs_that_would_be_very_large_are_not_drawn(tmp_path: Path):
    w = floats(np.random.default_rng(0), 8, 8)
    head = "m (float[1000000,1000000,8] x) => (float[1000000,1000000,8] o) { "
    before = model(head + "o = MatMul(x, w) }", {"w": w})
    after = model(head + "o = MatMul(x, w) }", {"w": w + 1})
    _, integers, numbers = check_onnx(*saved(tmp_path, before, after))
    assert "its inputs would be very large" in integers.detail
    assert "its inputs would be very large" in numbers.detail


def test_each_draw_is_a_function_of_its_own(tmp_path: Path):
    """Two draws of one distribution are not one draw, used twice."""
    head = "m (float[4] x) => (float[4] y) { a = RandomNormalLike(x) b = RandomNormalLike(x) "
    first, second = model(head + "y = Sub(a, b) }", {}), model(head + "y = Sub(a, a) }", {})
    assert structure(*map(File, saved(tmp_path, first, first))).passed
    assert not structure(*map(File, saved(tmp_path, first, second))).passed


def test_an_invalid_file_is_no_verdict(tmp_path: Path):
    pair = PAIRS["grouped"]()
    concat = next(n for n in pair.after.graph.node if n.op_type == "Concat")
    concat.attribute[0].i = 5
    with pytest.raises(InputError, match=r"after\.onnx: Concat '.*' is not valid: .*axis"):
        check_onnx(*saved(tmp_path, pair.before, pair.after))


def test_external_data(tmp_path: Path):
    pair = PAIRS["matmul_add"]()
    paths = tmp_path / "before.onnx", tmp_path / "after.onnx"
    for made, path in zip((pair.before, pair.after), paths, strict=True):
        onnx.save(made, path, save_as_external_data=True, location=f"{path.stem}.bin",
                  size_threshold=100)  # fmt: skip
    assert all(row.passed for row in check_onnx(*paths))
    data = bytearray((tmp_path / "after.bin").read_bytes())
    data[3] ^= 1
    (tmp_path / "after.bin").write_bytes(data)
    structure, *_ = check_onnx(*paths)
    assert not structure.passed


def test_negative_zero_is_another_weight(tmp_path: Path):
    """Bits are compared, not values: a rewrite has no reason to touch the sign of a zero."""
    pair = PAIRS["gemm"]()
    for made, sign in ((pair.before, 0.0), (pair.after, -0.0)):
        name = {"w": "w", "w4": "w4"}
        tensor = next(t for t in made.graph.initializer if t.name in name)
        values = onnx.numpy_helper.to_array(tensor).copy()
        values[0, 0] = sign
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    structure, integers, _ = check_onnx(*saved(tmp_path, pair.before, pair.after))
    assert "is 0.0 before and -0.0 after" in structure.detail
    assert integers.passed


def test_a_bias_of_zeros_is_none(tmp_path: Path):
    w, zeros = floats(np.random.default_rng(0), 8, 5), np.zeros(5, np.float32)
    text = "m (float[N,8] x) => (float[N,5] o) { o = Gemm(x, w%s) }"
    with_bias = model(text % ", b", {"w": w, "b": zeros})
    assert all(
        row.passed for row in check_onnx(*saved(tmp_path, with_bias, model(text % "", {"w": w})))
    )


@pytest.mark.parametrize(("alpha", "equal"), [(0.5, True), (0.3, False)])
def test_alpha_goes_into_the_weights_where_that_rounds_none(alpha, equal, tmp_path: Path):
    w = floats(np.random.default_rng(0), 8, 5)
    text = "m (float[N,8] x) => (float[N,5] o) { o = Gemm%s(x, w) }"
    before = model(text % f"<alpha={alpha}>", {"w": w})
    after = model(text % "", {"w": np.float32(alpha) * w})
    structure, integers, numbers = check_onnx(*saved(tmp_path, before, after))
    assert structure.passed == equal
    assert integers.passed
    assert numbers.passed
    beside = model(
        "m (float[N,8] x) => (float[N,5] o) { y = Gemm(x, w) o = Mul(a, y) }",
        {"w": w, "a": np.float32(alpha)},
    )
    assert all(row.passed for row in check_onnx(*saved(tmp_path, before, beside)))


def test_a_name_may_move_to_another_value(tmp_path: Path):
    """In the second file `m` is what the bias was added to."""
    rng = np.random.default_rng(0)
    arrays = {"w": floats(rng, 8, 5), "b": floats(rng, 5)}
    head = "m (float[N,8] x) => (float[N,5] o) { "
    before = model(head + "m = MatMul(x, w) o = Add(m, b) }", arrays)
    after = model(head + "p = MatMul(x, w) m = Add(p, b) o = Identity(m) }", arrays)
    assert all(row.passed for row in check_onnx(*saved(tmp_path, before, after)))
    wrong = model(head + "p = MatMul(x, w) m = Add(p, b) o = Add(m, b) }", arrays)
    structure, integers, _ = check_onnx(*saved(tmp_path, before, wrong))
    assert not structure.passed
    assert not integers.passed


def test_axes_of_an_output_swapped(tmp_path: Path):
    """The same function, but its result lies otherwise, in the same shape."""
    head = "m (float[4,4] x) => (float[4,4] o) { "
    right = model(head + "o = Relu(x) }", {})
    wrong = model(head + "y = Relu(x) o = Transpose(y) }", {})
    structure, integers, _ = check_onnx(*saved(tmp_path, right, wrong))
    assert structure.detail.startswith("output o: its axes are")
    assert not structure.passed
    assert not integers.passed
    twice = model(head + "t = Transpose(x) y = Relu(t) o = Transpose(y) }", {})
    assert all(row.passed for row in check_onnx(*saved(tmp_path, right, twice)))


@pytest.mark.parametrize("operator", ["Add", "MatMul", "Sub"])
def test_an_operand_lies_otherwise(operator: str, tmp_path: Path):
    """Square operands, so that shapes tell nothing."""
    head = "m (float[4,4] x) => (float[4,4] o) { r = Relu(x) t = Transpose(r) "
    right = model(f"{head} o = {operator}(x, t) }}", {})
    wrong = model(f"{head} o = {operator}(x, r) }}", {})
    structure, integers, _ = check_onnx(*saved(tmp_path, right, wrong))
    assert structure.detail.endswith("read their operands with other axes")
    assert not structure.passed
    assert not integers.passed
    assert all(row.passed for row in check_onnx(*saved(tmp_path, right, right)))


READERS = {
    "in order": ("1,18", "f = Reshape({}, nine) o = Concat<axis=2>(f, f)"),
    "as it lies": ("3,2", "o = MaxPool<kernel_shape=[2], strides=[1]>({})"),
}


@pytest.mark.parametrize("reader", READERS)
def test_the_order_along_an_axis(reader: str, tmp_path: Path):
    """Operators for which the order of their input's elements matters."""
    sizes, rest = READERS[reader]
    head = f"m (float[N,3,3] x) => (float[N,{sizes}] o) {{ r = Relu(x) "
    head += "t = Transpose<perm=[0,2,1]>(r) "
    arrays = {"nine": shape(-1, 1, 9)}
    right = model(head + rest.format("r") + " }", arrays)
    wrong = model(head + rest.format("t") + " }", arrays)
    structure, integers, _ = check_onnx(*saved(tmp_path, right, wrong))
    assert not structure.passed
    assert not structure.detail.startswith("undecided")
    assert not integers.passed
    assert all(row.passed for row in check_onnx(*saved(tmp_path, right, right)))


def test_constants_that_are_outputs_are_compared(tmp_path: Path):
    """By integers, too, which else compare what nodes make."""
    head = "m (float[N,4] x) => (float[N,4] o, float[4] c) { o = Relu(x) }"
    a, b = (model(head, {"c": floats(np.random.default_rng(seed), 4)}) for seed in (0, 1))
    assert integers(*map(File, saved(tmp_path, a, a))).passed
    row = integers(*map(File, saved(tmp_path, a, b)))
    assert not row.passed
    assert row.detail == "output c is another constant"


def test_a_file_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    read, parse = [], onnx_file.parse

    def noted(path: Path, **how: bool) -> onnx.ModelProto:
        read.append(path)
        return parse(path, **how)

    monkeypatch.setattr(onnx_file, "parse", noted)
    pair = PAIRS["gemm"]()
    paths = saved(tmp_path, pair.before, pair.after)
    assert all(row.passed for row in check_onnx(*paths))
    assert read == list(paths)
