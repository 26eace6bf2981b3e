"""ONNX's operators, each a short function of PyTorch: importing this enters them into the table."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
