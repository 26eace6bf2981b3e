"""A convolution is a fully connected layer applied at every window."""

from onebyone.errors import InputError, NotExact
from onebyone.windows import Deviation, Plan, Report, SlidingModel, slide

__all__ = ["Deviation", "InputError", "NotExact", "Plan", "Report", "SlidingModel", "slide"]
