"""Files that other tools wrote: right ones pass, and pass no more once one weight is changed."""

from pathlib import Path

import numpy as np
import onnx
import onnxsim
import pytest
from onnx import numpy_helper
from onnx_conv2matmul import RewriteOptions, rewrite_conv1x1_to_matmul

from helpers.onnx_pairs import PAIRS
from onebyone.equivalence.onnx import check_onnx
from onebyone.rewriting.report import Check


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    made, _ = onnxsim.simplify(model, extra_optimizers=["fuse_matmul_into_conv"])
    assert "Conv" in {node.op_type for node in made.graph.node}
    return made


def multiplied(model: onnx.ModelProto) -> onnx.ModelProto:
    options = RewriteOptions(allow_extended_conv1x1=True)
    made, report = rewrite_conv1x1_to_matmul(model, options)
    assert report.converted
    return made


TO_CONVOLUTION = ("gemm", "matmul_add", "flat_channels_last", "whole_extent", "tied")
TO_LINEAR = ("pointwise_head", "strided")
CASES = [(name, simplified) for name in TO_CONVOLUTION] + [(n, multiplied) for n in TO_LINEAR]


def _of_nothing(row: Check) -> bool:
    """Whether numbers found what is true: some reshapes that onnxsim writes take no empty batch."""
    return row.name == "numbers" and " = 0 only the original runs" in row.detail


@pytest.mark.parametrize(("name", "tool"), CASES, ids=[name for name, _ in CASES])
def test_right_passes_and_wrong_does_not(name, tool, tmp_path: Path):
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    model = PAIRS[name]().before
    onnx.save(model, before)
    written = tool(model)
    onnx.save(written, after)
    for row in check_onnx(before, after):
        assert row.passed or _of_nothing(row), row

    used = {name for node in written.graph.node for name in node.input}
    weight = max(
        (t for t in written.graph.initializer if t.name in used), key=lambda t: t.ByteSize()
    )
    values = numpy_helper.to_array(weight).copy()
    values.reshape(-1)[0] = np.nextafter(values.reshape(-1)[0], np.float32(9))
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(written, after)
    structure, integers, _ = check_onnx(before, after)
    assert not structure.passed
    assert "element 0 of" in structure.detail
    assert not integers.passed


def test_fused_attention_is_undecided(tmp_path: Path):
    """onnxsim makes one operator of an attention block, which is not followed."""
    before, after = tmp_path / "before.onnx", tmp_path / "after.onnx"
    model = PAIRS["attention"]().before
    onnx.save(model, before)
    onnx.save(simplified(model), after)
    structure, integers, numbers = check_onnx(before, after)
    assert "undecided: y (operators beyond integers" in integers.detail
    assert not structure.decided
    assert not integers.passed
    assert numbers.passed or _of_nothing(numbers)
