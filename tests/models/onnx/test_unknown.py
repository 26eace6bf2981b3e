"""Operators that ONNX defines by others, written out."""

import numpy as np
import onnx
import pytest

from helpers.onnx_nodes import single
from onebyone.errors import InputError
from onebyone.models import load


def test_what_a_node_leaves_out_is_in_the_body() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    found, expected = single("MeanVarianceNormalization", {"X": x}, opset=13)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-5)


def test_quantising_to_few_bits_is_refused(tmp_path) -> None:
    zero = onnx.helper.make_tensor("z", onnx.TensorProto.INT4, [], [0])
    text = (
        "agraph (float[N,3,8,8] x) => (float[N,3,8,8] y)"
        " { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }"
    )
    proto = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]> {text}')
    proto.graph.initializer.extend([onnx.numpy_helper.from_array(np.float32(0.1), "s"), zero])
    onnx.save(proto, tmp_path / "m.onnx")
    with pytest.raises(InputError, match=r"QuantizeLinear .* gives integers of few bits"):
        load(tmp_path / "m.onnx")
