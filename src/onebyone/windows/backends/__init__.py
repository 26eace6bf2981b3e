"""What runs the emitted graphs: PyTorch itself, its compiler, or another runtime."""

from onebyone.windows.backends.choice import ASKED, Choice
from onebyone.windows.backends.piece import CompiledPiece, state_of

__all__ = ["ASKED", "Choice", "CompiledPiece", "state_of"]
