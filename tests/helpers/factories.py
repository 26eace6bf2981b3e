"""A module of functions that `package.module:function` may name, as text."""

from torch import nn

FACTORY = """
import torch
from torch import nn

def small():
    torch.manual_seed(0)
    layers = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4)
    return nn.Sequential(*layers)

def fails():
    raise RuntimeError("no such thing")

def leaves():
    raise SystemExit(3)

def number():
    return 7
"""


def small() -> nn.Module:
    namespace: dict = {}
    exec(FACTORY, namespace)
    return namespace["small"]().eval()
