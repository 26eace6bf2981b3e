"""A convolution is a fully connected layer applied at every window.

`matrix`, `equal`, `convert`, `nearest` and `identify` say for any linear layer which forms are
equal and why; `explain` shows it; `slide` runs a trained classifier at every window of an image of
any size.
"""

from onebyone.errors import InputError, NotExact

# Nothing else is imported here, typing neither: Ctrl-C is answered from `cli.main` on, after this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from onebyone import nin
    from onebyone.figures import Figure, explain
    from onebyone.layers import (
        Comparison,
        Identification,
        LayerMatrix,
        LocallyConnected,
        Nearest,
        NotConvertible,
        NotLinear,
        Verdict,
        compare,
        convert,
        equal,
        fold,
        identify,
        matrix,
        nearest,
    )
    from onebyone.rewriting import Rewritten, rewrite
    from onebyone.windows import (
        Convolutionalized,
        Costs,
        Deviation,
        Plan,
        Report,
        SlidingModel,
        calibrate,
        convolutionalize,
        slide,
    )

__all__ = [
    "Comparison",
    "Convolutionalized",
    "Costs",
    "Deviation",
    "Figure",
    "Identification",
    "InputError",
    "LayerMatrix",
    "LocallyConnected",
    "Nearest",
    "NotConvertible",
    "NotExact",
    "NotLinear",
    "Plan",
    "Report",
    "Rewritten",
    "SlidingModel",
    "Verdict",
    "calibrate",
    "compare",
    "convert",
    "convolutionalize",
    "equal",
    "explain",
    "fold",
    "identify",
    "matrix",
    "nearest",
    "nin",
    "rewrite",
    "slide",
]

# Names are imported when they are first used: `onebyone --help` need not wait for torch.
_HOME = {
    "figures": ("Figure", "explain"),
    "layers": (
        "Comparison", "Identification", "LayerMatrix", "LocallyConnected", "Nearest",
        "NotConvertible", "NotLinear", "Verdict", "compare", "convert", "equal", "fold", "identify",
        "matrix", "nearest",
    ),
    "rewriting": ("Rewritten", "rewrite"),
    "windows": (
        "Convolutionalized", "Costs", "Deviation", "Plan", "Report", "SlidingModel", "calibrate",
        "convolutionalize", "slide",
    ),
}  # fmt: skip
_MODULES = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _MODULES:
        return getattr(import_module(f"onebyone.{_MODULES[name]}"), name)
    if name == "nin":
        return import_module("onebyone.nin")
    raise AttributeError(f"module 'onebyone' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
