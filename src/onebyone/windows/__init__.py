"""A trained network at every window: the compiler from graph to graph."""

from onebyone.windows.convolutionalize import Convolutionalized, convolutionalize
from onebyone.windows.costs import Costs, calibrate
from onebyone.windows.deviation import Deviation
from onebyone.windows.making import slide
from onebyone.windows.plan import Plan
from onebyone.windows.report import Report
from onebyone.windows.sliding import SlidingModel

__all__ = [
    "Convolutionalized",
    "Costs",
    "Deviation",
    "Plan",
    "Report",
    "SlidingModel",
    "calibrate",
    "convolutionalize",
    "slide",
]
