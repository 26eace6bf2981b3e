"""PyTorch's own functions, which Python calls in half the time that its ATen operators take.

Blocks are read by many views, each of them no more than a call.
"""

import torch
from torch import fx

from onebyone.graphs.aten import aten

FUNCTIONS = {
    aten.sym_size.int: torch.Tensor.size,
    aten.narrow.default: torch.narrow,
    aten.permute.default: torch.permute,
    aten.reshape.default: torch.reshape,
    aten.squeeze.dim: torch.squeeze,
    aten.unsqueeze.default: torch.unsqueeze,
    aten.unfold.default: torch.Tensor.unfold,
    aten.expand.default: torch.Tensor.expand,
    aten.full_like.default: torch.full_like,
    aten.cat.default: torch.cat,
    aten.chunk.default: torch.chunk,
    aten.maximum.default: torch.maximum,
    aten.relu_.default: torch.relu_,
    aten.conv2d.default: torch.conv2d,
    aten.conv3d.default: torch.conv3d,
}


def call_functions(graph: fx.Graph) -> None:
    """Call functions in place of the operators that they are."""
    for node in graph.nodes:
        if node.target in FUNCTIONS:
            node.target = FUNCTIONS[node.target]
