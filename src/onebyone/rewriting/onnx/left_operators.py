"""Operators that hold a linear layer or a 1×1 convolution in a form that is not rewritten."""

import onnx_ir as ir

_QUANTISED = "quantised as an operator, not in QDQ form"
_FUSED = "fused by a runtime; rewrite the file before it is optimised"
_PRODUCTS = ("QLinearMatMul", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul")
_LEFT = {
    "convolution": {
        **dict.fromkeys((*_PRODUCTS, "QGemm"), _QUANTISED),
        **dict.fromkeys(("FusedMatMul", "FusedGemm"), _FUSED),
        "MatMulNBits": "its weight is packed in blocks of few bits, of which no Conv reads",
        "Einsum": "an Einsum, which is not read as a layer",
    },
    "linear": {
        **dict.fromkeys(("QLinearConv", "ConvInteger"), _QUANTISED),
        **dict.fromkeys(("FusedConv", "NhwcFusedConv"), _FUSED),
        "DeformConv": "its positions depend on its input",
    },
}


def left_because(node: ir.Node, to: str) -> str:
    """Why an operator is left whatever its arguments; empty for all others."""
    return _LEFT[to].get(node.op_type, "")
