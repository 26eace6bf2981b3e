"""Whether two exported programs compute the same: by structure, by integers, by numbers."""

from onebyone.equivalence.programs.comparison import LARGEST, check_programs, same_bits
from onebyone.equivalence.programs.numbers import apart

__all__ = ["LARGEST", "apart", "check_programs", "same_bits"]
