"""What is recorded of a network that calls one function."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from onebyone.graphs.canonical import canonical
from onebyone.graphs.functional import functional
from onebyone.graphs.recording import WHOLE, record
from onebyone.models.onnx.node import Node
from onebyone.models.onnx.table import find


class Calling(nn.Module):
    """A network that is one function of its windows."""

    def __init__(self, function: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function
        self.eval()

    def forward(self, windows: torch.Tensor) -> Any:
        return self.function(windows)


def targets(function: Callable[[torch.Tensor], Any], windows: torch.Tensor) -> list[str]:
    """Names of the operators that are recorded; that torch.export is not needed is asserted."""
    graph, image, _ = record(Calling(function), windows)
    assert functional(graph, image, WHOLE)
    canonical(graph)
    return [n.target._opname for n in graph.nodes if hasattr(n.target, "_opname")]


def node_targets(
    operator: str, windows: torch.Tensor, *constants: Any, opset: int = 18, **attributes: Any
) -> list[str]:
    """The same of a node whose first input is windows, and whose others are constant."""
    entry = find(operator, opset)
    assert entry is not None
    others = [None if c is None else torch.from_numpy(np.array(c)) for c in constants]
    return targets(Node(entry, attributes, [0, *others]), windows)
