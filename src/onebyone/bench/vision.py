"""torchvision's networks on any build of torch, nothing downloaded."""

import warnings
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch

from onebyone.errors import InputError


def torchvision_models() -> ModuleType:
    """Import torchvision.models.

    The wheel's compiled operators do not load on a CPU build of torch, and its import stops at
    their missing names; defining the names is enough to build networks.
    """
    if find_spec("torchvision") is None:
        raise InputError("torchvision is not installed: pip install torchvision")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", schema)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it also misses its image codecs, which nothing needs
        return import_module("torchvision.models")
