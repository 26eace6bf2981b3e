"""Bad ONNX files as models: one line each that names the file, and no memory or time beyond."""

import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import onebyone as ob
from helpers.onnx_files import classifier, saved
from helpers.onnx_pairs import model
from onebyone.models import load
from onebyone.models.onnx import reading

pytestmark = pytest.mark.filterwarnings("ignore:.*left out")  # of shapes that are wrong
BYTES = 1 << 29
"""That a refusal may take beside what the process has."""
node, value = helper.make_node, helper.make_tensor_value_info


def text(graph: str, arrays: dict[str, object] | None = None, opset: int = 17) -> onnx.ModelProto:
    """A model that is not checked."""
    header = f'<ir_version: 8, opset_import: ["" : {opset}, "own" : 1, "ai.onnx.ml" : 3]>'
    made = onnx.parser.parse_model(f"{header}\n{graph}")
    for name, array in (arrays or {}).items():
        made.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    return made


def sizes(body: str, **arrays: object) -> onnx.ModelProto:
    """What a window's own sizes, and constants, unfold to."""
    held = {name: np.asarray(array) for name, array in arrays.items()}
    return text(f"net (float[N,4] x) => (float[A,B] y) {{ s = Shape(x) {body} }}", held)


def nested(depth: int) -> onnx.ModelProto:
    """Branches within branches."""
    graph = helper.make_graph([node("Relu", ["x"], ["o"])], "g", [], [value("o", 1, None)])
    plain = helper.make_graph([node("Relu", ["x"], ["p"])], "p", [], [value("p", 1, None)])
    for place in range(depth):
        branch = node("If", ["c"], [f"o{place}"], then_branch=graph, else_branch=plain)
        graph = helper.make_graph([branch], "g", [], [value(f"o{place}", 1, None)])
    graph.input.append(value("x", 1, ["N", 4]))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(True), "c"))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def doubled(steps: int) -> onnx.ModelProto:
    body = "t0 = Concat<axis=0>(s, s) " + "".join(
        f"t{k} = Concat<axis=0>(t{k - 1}, t{k - 1}) " for k in range(1, steps)
    )
    return sizes(body + f"y = Expand(x, t{steps - 1})")


I64 = np.int64
HUGE = I64(2**40)
FILES: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "custom domain": (
        lambda: text("net (float[N,4] x) => (float[N,4] y) { y = own.Thing(x) }"),
        "has operators that are not computed: own.Thing ('y'); --crops",
    ),
    "old": (lambda: text("net (float[N,4] x) => (float[N,4] y) { y = Relu(x) }", opset=6),
            "is of ONNX's operator set 6; 7 is the oldest that is read"),
    "sequence": (
        lambda: text("net (float[N,4] x) => (seq(float[N,4]) y) { y = SequenceConstruct(x) }"),
        "gives no tensor of numbers",
    ),
    "no batch": (lambda: text("net (float[4] x) => (float[4] y) { y = Relu(x) }"),
                 "its input has 1 axes; windows have 2 to 5"),
    "text": (lambda: text("net (string[N,4] x) => (string[N,4] y) { y = Identity(x) }"),
             ""),
    "ConstantOfShape": (lambda: sizes("y = ConstantOfShape(n)", n=[HUGE, 4]), ""),
    "ConstantOfShape by sizes": (
        lambda: sizes("t = Mul(s, n) c = ConstantOfShape(t) y = Add(c, x)", n=[2**30, 2**30]), ""),
    "Expand": (lambda: sizes("c = Expand(v, n) y = Add(x, c)", v=np.ones(1, "f"), n=[HUGE, 4]), ""),
    "Expand by sizes": (
        lambda: sizes("t = Mul(s, n) y = Expand(v, t)", v=np.ones(1, "f"), n=[2**20, 2**20]), ""),
    "Expand of the image": (lambda: sizes("y = Expand(x, n)", n=[HUGE, 1, 1]), ""),
    "Tile": (lambda: sizes("y = Tile(x, n)", n=[I64(1), HUGE]), ""),
    "Tile by sizes": (lambda: sizes("t = Mul(s, n) y = Tile(x, t)", n=[2**30, 2**30]), ""),
    "Range": (
        lambda: sizes("r = Range(a, n, b) c = Cast<to=1>(r) y = Add(x, c)", a=I64(0), n=HUGE,
                      b=I64(1)), ""),
    "Range by sizes": (
        lambda: sizes("p = ReduceProd<keepdims=0>(s) q = Mul(p, n) r = Range(a, q, b) "
                      "c = Cast<to=1>(r) d = ReduceSum<keepdims=0>(c) y = Add(x, d)",
                      a=I64(0), n=HUGE, b=I64(1)), ""),
    "EyeLike": (
        lambda: sizes("c = ConstantOfShape(n) e = EyeLike(c) y = Gemm(x, e)", n=[HUGE, HUGE]), ""),
    "Pad": (lambda: sizes("y = Pad(x, n)", n=[I64(0), 0, 0, HUGE]), ""),
    "OneHot": (
        lambda: sizes("o = OneHot(s, n, v) y = MatMul(x, o)", n=HUGE, v=np.array([0, 1], "f")), ""),
    "Resize": (
        lambda: text("net (float[N,1,4,4] x) => (float[A,B,C,D] y) { y = Resize(x, , n) }",
                     {"n": np.array([1, 1, 1e6, 1e6], "f")}), ""),
    "broadcast": (
        lambda: sizes("a = Expand(v, n) b = Expand(v, m) c = Add(a, b) y = Add(x, c)",
                      v=np.ones((1, 1), "f"), n=[1 << 17, 1], m=[1, 1 << 17]), ""),
    "doubling": (lambda: doubled(40), ""),
}  # fmt: skip


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def refused(path: str) -> str:
    """The one line that refuses a file, which takes little."""
    before, started = memory(), time.perf_counter()
    with pytest.raises(ob.InputError) as caught:
        ob.slide(path)
    assert time.perf_counter() - started < 20
    assert memory() - before < BYTES
    said = str(caught.value)
    assert said.isprintable()
    assert path in said
    return said


@pytest.mark.parametrize("case", FILES)
def test_what_cannot_be_a_network(tmp_path: Path, case: str) -> None:
    build, message = FILES[case]
    assert message in refused(saved(tmp_path, build()))


def test_files_that_are_none(tmp_path: Path) -> None:
    whole = classifier().SerializeToString()
    for name, data in {"cut": whole[:200], "empty": b"", "noise": b"\x00\xff" * 99}.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        refused(str(path))
    (tmp_path / "folder.onnx").mkdir()
    assert "is no regular file" in refused(str(tmp_path / "folder.onnx"))
    assert "cannot be read (No such file or directory)" in refused(str(tmp_path / "absent.onnx"))


def test_external_data_that_is_missing_or_short(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(classifier(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    os.truncate(tmp_path / "w.bin", 8)
    assert "needs" in refused(str(path))
    (tmp_path / "w.bin").unlink()
    assert "'w.bin', which is missing" in refused(str(path))


def test_a_file_that_changes_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, classifier())
    was = reading.refuse_unknown

    def change(*given: object) -> None:
        Path(path).write_bytes(classifier(batch=2).SerializeToString())
        was(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "refuse_unknown", change)
    assert refused(path).endswith("net.onnx: has changed while it was read")


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ((3, 9, 8), r"^window=\(3, 9, 8\): \S*net.onnx: the input NCHW takes windows of 3,8,8$"),
        ((1, 8, 8), r"^window=\(1, 8, 8\): "),
        ((3, 8), r"^window=\(3, 8\): "),
        ((3, 0, 8), r"^window=\(3, 0, 8\) must be \(C, \*space\)"),
    ],
)
def test_windows_that_do_not_fit(tmp_path: Path, window: tuple[int, ...], message: str) -> None:
    path = saved(tmp_path, classifier())
    with pytest.raises(ob.InputError, match=message):
        ob.slide(path, window=window)


def test_a_window_smaller_than_the_network_can_take(tmp_path: Path) -> None:
    body = "c = Conv<kernel_shape=[3,3]>(x, w) p = GlobalAveragePool(c) y = Flatten(p)"
    made = model(
        f"net (float[N,3,H,W] x) => (float[N,2] y) {{{body}}}",
        {"w": np.ones((2, 3, 3, 3), "f")},
    )
    path = saved(tmp_path, made)
    with pytest.raises(ob.InputError, match=r"net.onnx: Conv 'Conv0' cannot be computed: .*size"):
        ob.slide(path, window=(3, 2, 2))
    with pytest.raises(ob.InputError, match=r"net.onnx: the input NCHW takes windows of 3,any,any"):
        ob.slide(path, window=(4, 8, 8))
    with pytest.raises(ob.InputError, match=r"^window=None must be \(C, \*space\)"):
        ob.slide(path)
    assert load(path).window is None
    assert ob.slide(path, window=(3, 8, 8)).window == (3, 8, 8)


def test_deep_branches_of_a_known_condition_are_the_one_that_is_taken(tmp_path):
    ob.slide(saved(tmp_path, nested(18)), verify=0)
