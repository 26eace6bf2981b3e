"""Linear to convolution and back: the first file again, up to how ONNX writes a linear layer."""

from collections import Counter
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from helpers.onnx_cases import LAYOUTS, OTHERWISE, TO_CONVOLUTION, TO_LINEAR, Case
from onebyone.rewriting.onnx import rewrite_onnx


def normal(model: onnx.ModelProto) -> Counter[str]:
    """The operators; MatMul + Add counts as Gemm, and a Reshape or Squeeze as Flatten."""
    same = {"MatMul": "Gemm", "Reshape": "Flatten", "Squeeze": "Flatten"}
    kinds = Counter(same.get(node.op_type, node.op_type) for node in model.graph.node)
    kinds["Add"] += sum(n.op_type == "Gemm" and len(n.input) == 3 for n in model.graph.node)
    kinds["Constant"] = 0
    return +kinds


def weights(model: onnx.ModelProto) -> dict[str, bytes]:
    """Floats and 8-bit integers by name; a matrix by its rows or columns, whichever first."""
    found = {}
    constants = {t.name: t for t in model.graph.initializer}
    constants |= {
        n.output[0]: n.attribute[0].t for n in model.graph.node if n.op_type == "Constant"
    }
    for name, tensor in constants.items():
        array = numpy_helper.to_array(tensor).squeeze()
        if array.dtype.itemsize < 8 and array.size > 1:
            turned = [array.tobytes(), array.T.tobytes()]
            found[name] = min(turned)
    return found


def layouts(case: Case) -> tuple[str, ...]:
    """Those in which it comes back as it was; in others reshapes stay."""
    if case.name == "Conv 1-D":
        return ("conv1d",)
    if case.to == "linear" or "rank 4" in case.name or "rank 5" in case.name:
        return ("BCHW",)
    return LAYOUTS


@pytest.mark.parametrize(
    ("case", "layout"),
    [
        (case, layout)
        for case in TO_CONVOLUTION + TO_LINEAR
        if case.name not in OTHERWISE
        for layout in layouts(case)
    ],
    ids=lambda value: value.name if isinstance(value, Case) else value,
)
def test_the_first_file_comes_back(case: Case, layout: str, tmp_path: Path) -> None:
    first, there, back = (tmp_path / f"{name}.onnx" for name in ("first", "there", "back"))
    onnx.save(case.model(21), first)
    rewrite_onnx(first, case.to, there, layout=layout)
    rewrite_onnx(there, {"linear": "convolution"}.get(case.to, "linear"), back, layout=layout)
    before, after = onnx.load(first), onnx.load(back)
    assert normal(after) == normal(before)
    assert weights(after) == weights(before)
    assert after.graph.input == before.graph.input
    assert after.graph.output == before.graph.output
