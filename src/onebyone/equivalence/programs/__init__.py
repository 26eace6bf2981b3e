"""Whether two exported programs compute the same: by structure, by integers, by numbers."""

from onebyone.equivalence.programs.comparison import LARGEST, check_programs, same_bits

__all__ = ["LARGEST", "check_programs", "same_bits"]
