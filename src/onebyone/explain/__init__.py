"""Pictures of one layer: in the terminal and as a figure."""

from onebyone.explain.figure import Figure, explain
from onebyone.explain.terminal import matrix_text

__all__ = ["Figure", "explain", "matrix_text"]
