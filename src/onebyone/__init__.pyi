"""The public names, and where each is: `__init__.py` attaches them."""

from . import nin as nin
from .equivalence import Equivalence as Equivalence, equal as equal
from .errors import InputError as InputError, NotExact as NotExact
from .figures import Figure as Figure, explain as explain
from .layers import (
    Comparison as Comparison,
    Identification as Identification,
    LayerMatrix as LayerMatrix,
    LocallyConnected as LocallyConnected,
    Nearest as Nearest,
    NotConvertible as NotConvertible,
    NotLinear as NotLinear,
    Verdict as Verdict,
    compare as compare,
    convert as convert,
    fold as fold,
    identify as identify,
    matrix as matrix,
    nearest as nearest,
)
from .rewriting import Rewritten as Rewritten, rewrite as rewrite
from .scans import Map as Map, Scan as Scan, export as export, open_map as open_map, scan as scan
from .windows import (
    Convolutionalized as Convolutionalized,
    Costs as Costs,
    Deviation as Deviation,
    Plan as Plan,
    Report as Report,
    SlidingModel as SlidingModel,
    calibrate as calibrate,
    convolutionalize as convolutionalize,
    slide as slide,
)

__version__: str
