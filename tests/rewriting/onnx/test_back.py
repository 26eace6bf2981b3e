"""There and back: the first file again, literally or in the normal form of docs/rewriting.md."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from helpers.onnx_cases import (
    LAYOUTS,
    NORMALISED,
    OPSETS,
    TO_CONVOLUTION,
    TO_LINEAR,
    Case,
    feeds,
    run,
)
from onebyone.equivalence.onnx.files import File
from onebyone.equivalence.onnx.structure import structure
from onebyone.rewriting.onnx import rewrite_onnx

CASES = TO_CONVOLUTION + TO_LINEAR
BACK = {"convolution": "linear", "linear": "convolution"}
MOVES = {"Constant", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}


def there_and_back(case: Case, opset: int, layout: str, folder: Path) -> tuple[Path, Path]:
    first, there, back = (folder / f"{name}.onnx" for name in ("first", "there", "back"))
    onnx.save(case.model(opset), first)
    rewrite_onnx(first, case.to, there, layout=layout)
    rewrite_onnx(there, BACK[case.to], back, layout=layout)
    return first, back


def literal(model: onnx.ModelProto) -> Counter[str]:
    """The operators; MatMul + Add counts as Gemm, and a Reshape or Squeeze as Flatten."""
    same = {"MatMul": "Gemm", "Reshape": "Flatten", "Squeeze": "Flatten"}
    kinds = Counter(same.get(node.op_type, node.op_type) for node in model.graph.node)
    kinds["Add"] += sum(n.op_type == "Gemm" and len(n.input) == 3 for n in model.graph.node)
    kinds["Constant"] = 0
    return +kinds


def constants(model: onnx.ModelProto) -> Iterator[tuple[str, np.ndarray]]:
    """Floats and integers of few bits that are more than one number, by name."""
    tensors = {t.name: t for t in model.graph.initializer}
    tensors |= {n.output[0]: n.attribute[0].t for n in model.graph.node if n.op_type == "Constant"}
    for name, tensor in tensors.items():
        array = numpy_helper.to_array(tensor).squeeze()
        if array.dtype.itemsize < 8 and array.size > 1:
            yield name, array


def layouts(case: Case) -> tuple[str, ...]:
    """Those in which it comes back literally; in others reshapes stay."""
    if case.name == "Conv 1-D":
        return ("conv1d",)
    if case.to == "linear" or "rank 4" in case.name or "rank 5" in case.name:
        return ("BCHW",)
    return LAYOUTS


def ends(model: onnx.ModelProto) -> list[str]:
    """The names of the values that the outputs are copies of."""
    return [node.input[0] for node in model.graph.node if node.name.startswith("out_")]


@pytest.mark.parametrize(
    ("case", "layout"),
    [(case, k) for case in CASES if case.name not in NORMALISED for k in layouts(case)],
    ids=lambda value: value.name if isinstance(value, Case) else value,
)
def test_the_first_file_comes_back(case: Case, layout: str, tmp_path: Path) -> None:
    """A weight may lie by its rows or by its columns."""

    def weights(model: onnx.ModelProto) -> dict[str, bytes]:
        return {name: min(a.tobytes(), a.T.tobytes()) for name, a in constants(model)}

    before, after = map(onnx.load, there_and_back(case, 21, layout, tmp_path))
    assert literal(after) == literal(before)
    assert weights(after) == weights(before)
    assert after.graph.input == before.graph.input
    assert after.graph.output == before.graph.output
    assert ends(after) == ends(before)


def normal(model: onnx.ModelProto) -> Counter[str]:
    """The operators but moves and what computes with sizes; a Gemm as ONNX defines it."""
    kinds: Counter[str] = Counter()
    inferred = onnx.shape_inference.infer_shapes(model)
    types = {v.name: v.type.tensor_type.elem_type for v in inferred.graph.value_info}
    for node in model.graph.node:
        if node.op_type in MOVES or types.get(node.output[0]) == onnx.TensorProto.INT64:
            continue
        if node.op_type == "Gemm":
            scales = {a.name: a.f for a in node.attribute if a.name in ("alpha", "beta")}
            added = len(node.input) == 3
            kinds["MatMul"] += 1
            kinds["Mul"] += (scales.get("alpha", 1) != 1) + (added and scales.get("beta", 1) != 1)
            kinds["Add"] += added
        elif node.op_type in ("Conv", "ConvTranspose"):
            kinds["Conv"] += 1
        else:
            kinds[node.op_type] += 1
    return +kinds


# All opsets take half a minute: two of them are slow tests.
BETWEEN = dict.fromkeys((12, 18), pytest.mark.slow)
IN_OPSETS = [
    pytest.param(case, k, "BCHW", marks=BETWEEN.get(k, ()))
    for case in CASES
    for k in OPSETS
    # Before opset 14 ONNX does not infer the rank that a computed target of Reshape gives.
    if k >= case.since and (k >= 14 or "rank 6" not in case.name)
]
# The layout says nothing about convolutions that are there, but for those of one axis.
IN_LAYOUTS = [
    (case, max(18, case.since), layout)
    for case in CASES
    for layout in LAYOUTS[:3]
    if case.to == "convolution" or "1-D" in case.name
]


@pytest.mark.parametrize(
    ("case", "opset", "layout"),
    IN_OPSETS + IN_LAYOUTS,
    ids=lambda value: value.name if isinstance(value, Case) else str(value),
)
def test_the_normal_form_comes_back(case: Case, opset: int, layout: str, tmp_path: Path) -> None:
    """The same operators and weights, the same function of them, and the same numbers."""

    def weights(model: onnx.ModelProto) -> dict[str, bytes]:
        return {name: np.sort(array, axis=None).tobytes() for name, array in constants(model)}

    first, back = there_and_back(case, opset, layout, tmp_path)
    before, after = onnx.load(first), onnx.load(back)
    assert normal(after) == normal(before)
    assert weights(after) == weights(before)
    row = structure(File(first), File(back))
    assert row.passed, row
    inputs = feeds(before)
    for a, b in zip(run(first, inputs), run(back, inputs), strict=True):
        np.testing.assert_array_equal(b, a, strict=True)
