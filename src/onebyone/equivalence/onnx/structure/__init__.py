"""Whether two files are one function, by their structure: for every input, in real arithmetic."""

from onebyone.equivalence.onnx.structure.comparison import difference, structure

__all__ = ["difference", "structure"]
