"""Operators that hold a linear layer or a 1×1 convolution in a form that is not rewritten."""

_QUANTISED = "quantised as an operator, not in QDQ form"
_FUSED = "fused by a runtime; rewrite the file before it is optimised"
_PRODUCTS = ("QLinearMatMul", "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul")
LEFT = {
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
"""Why an operator is left, whatever its arguments, by what the layers are to become."""
