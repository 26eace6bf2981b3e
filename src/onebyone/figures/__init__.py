"""Pictures of one layer: in the terminal and as a figure."""

from onebyone.figures.figure import Figure, explain
from onebyone.figures.terminal import matrix_text

__all__ = ["Figure", "explain", "matrix_text"]
