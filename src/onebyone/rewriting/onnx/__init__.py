"""Linear layers and 1×1 convolutions in ONNX files, one written as the other."""

from onebyone.errors import InputError

try:
    import onnx_ir as _  # noqa: F401  (the message names the extra before anything else fails)
except ImportError as error:
    raise InputError("ONNX files need the extra: pip install 'onebyone[onnx]'") from error

from onebyone.rewriting.onnx.pipeline import rewrite_onnx

__all__ = ["rewrite_onnx"]
