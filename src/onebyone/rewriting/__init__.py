"""Linear layers to 1×1 convolutions and back, in modules and in files, and the check of it."""

from onebyone.equivalence import Check
from onebyone.rewriting.dispatch import rewrite
from onebyone.rewriting.report import Moves, Report, Rewritten, Row

__all__ = ["Check", "Moves", "Report", "Rewritten", "Row", "rewrite"]
