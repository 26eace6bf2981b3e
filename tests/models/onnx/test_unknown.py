"""Operators that ONNX defines by others, written out."""

import numpy as np

from helpers.onnx_nodes import single


def test_what_a_node_leaves_out_is_in_the_body() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    found, expected = single("MeanVarianceNormalization", {"X": x}, opset=13)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-5)
