"""Operators that hold a linear layer or a 1×1 convolution in a form that is not rewritten."""

import onnx_ir as ir

_LEFT = {
    "convolution": {
        "QLinearMatMul": "quantised as an operator, not in QDQ form",
        "MatMulInteger": "quantised as an operator, not in QDQ form",
        "MatMulIntegerToFloat": "quantised as an operator, not in QDQ form",
        "DynamicQuantizeMatMul": "quantised as an operator, not in QDQ form",
        "QGemm": "quantised as an operator, not in QDQ form",
        "MatMulNBits": "its weight is packed in blocks of few bits, of which no Conv reads",
        "FusedMatMul": "fused by a runtime; rewrite the file before it is optimised",
        "FusedGemm": "fused by a runtime; rewrite the file before it is optimised",
        "Einsum": "an Einsum, which is not read as a layer",
    },
    "linear": {
        "QLinearConv": "quantised as an operator, not in QDQ form",
        "ConvInteger": "quantised as an operator, not in QDQ form",
        "FusedConv": "fused by a runtime; rewrite the file before it is optimised",
        "NhwcFusedConv": "fused by a runtime; rewrite the file before it is optimised",
        "DeformConv": "its positions depend on its input",
    },
}


def left_because(node: ir.Node, to: str) -> str:
    """Why an operator is left whatever its arguments; empty for all others."""
    return _LEFT[to].get(node.op_type, "")
