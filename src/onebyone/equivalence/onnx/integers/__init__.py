"""Both files on small integers, where float arithmetic is exact and results must be equal."""

from onebyone.equivalence.onnx.integers.comparison import integers

__all__ = ["integers"]
