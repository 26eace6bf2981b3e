"""Pictures of one layer: in the terminal and as a figure; and the lesson about them."""

from onebyone.figures.bars import bars
from onebyone.figures.figure import Figure, explain
from onebyone.figures.lesson_page import Lesson, lesson
from onebyone.figures.still import Still
from onebyone.figures.terminal import matrix_text

__all__ = ["Figure", "Lesson", "Still", "bars", "explain", "lesson", "matrix_text"]
