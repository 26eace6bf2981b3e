"""torchvision and timm, which not everybody has, on any build of torch."""

import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch

from onebyone.errors import InputError


def torchvision_models() -> ModuleType:
    """Import torchvision.models; nothing is downloaded.

    Raises:
        InputError: torchvision is not installed.
    """
    return _imported("torchvision", "torchvision.models")


def timm() -> ModuleType:
    """Import timm, which builds on torchvision; nothing is downloaded.

    Raises:
        InputError: one of the two is not installed.
    """
    _require("timm")
    torchvision_models()
    return _imported("timm", "timm")


def is_installed(package: str) -> bool:
    """Say whether a package is there, without importing it."""
    return find_spec(package) is not None


def _require(package: str) -> None:
    if not is_installed(package):
        raise InputError(f"{package} is not installed: pip install 'onebyone[{package}]'")


def _imported(package: str, module: str) -> ModuleType:
    _require(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision misses its image codecs, which nothing needs
        return _with_operators(lambda: import_module(module))


def _with_operators(load: Callable[[], ModuleType]) -> ModuleType:
    """Import a module; once more with the operators that torchvision misses on some builds.

    Its wheel's compiled operators do not load on a CPU build of torch, and its import stops at
    their missing names; defining the names is enough to build networks.
    """
    try:
        return load()
    except RuntimeError:
        for name in ("nms", "qnms"):
            if not hasattr(torch.ops.torchvision, name):
                schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                torch.library.define(f"torchvision::{name}", schema)
        return load()
