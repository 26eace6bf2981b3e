"""Whether two files or programs compute the same, and how that is known."""

from onebyone.equivalence.dispatch import compare, equal
from onebyone.equivalence.ladder import Check, Equivalence

__all__ = ["Check", "Equivalence", "compare", "equal"]
