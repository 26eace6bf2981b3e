"""What one linear layer is: its matrix, what equals it, and what it can be turned into."""

from onebyone.layers.comparison import Comparison, compare
from onebyone.layers.conversion import NotConvertible, convert
from onebyone.layers.equality import Connection, Verdict, equal
from onebyone.layers.folding import fold
from onebyone.layers.identification import Identification, identify
from onebyone.layers.kinds import KINDS
from onebyone.layers.local import LocallyConnected
from onebyone.layers.matrix import LayerMatrix, matrix
from onebyone.layers.nearest import Nearest, nearest
from onebyone.layers.probing import NotLinear

__all__ = [
    "KINDS",
    "Comparison",
    "Connection",
    "Identification",
    "LayerMatrix",
    "LocallyConnected",
    "Nearest",
    "NotConvertible",
    "NotLinear",
    "Verdict",
    "compare",
    "convert",
    "equal",
    "fold",
    "identify",
    "matrix",
    "nearest",
]
