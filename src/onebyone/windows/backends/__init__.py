"""What runs the emitted graphs: PyTorch itself, its compiler, or another runtime."""

from onebyone.windows.backends.choice import ASKED, Choice
from onebyone.windows.backends.piece import CompiledPiece
from onebyone.windows.backends.state import digest_of, modules_of, state_of

__all__ = ["ASKED", "Choice", "CompiledPiece", "digest_of", "modules_of", "state_of"]
