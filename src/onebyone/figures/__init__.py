"""Pictures of one layer: in the terminal and as a figure."""

from onebyone.figures.bars import bars
from onebyone.figures.figure import Figure, explain
from onebyone.figures.still import Still
from onebyone.figures.terminal import matrix_text

__all__ = ["Figure", "Still", "bars", "explain", "matrix_text"]
