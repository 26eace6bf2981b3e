"""PyTorch's own compiler, with constant weights."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn


def compiled(module: nn.Module, x: Tensor) -> Callable[[Tensor], Sequence[Any]]:
    """Compile by torch.compile for one shape of image, weights frozen.

    Args:
        module: what runs a piece.
        x: an image; it is run once, since compilation happens at the first call.
    """
    graph = fx.Graph()
    graph.output(graph.call_module("piece", (graph.placeholder("image"),)))
    # It has code of its own: torch.compile keeps what it compiled by code, with old weights.
    fresh = fx.GraphModule({"piece": module}, graph)
    run: Callable[[Tensor], Sequence[Any]] = torch.compile(
        fresh, dynamic=False, options={"freezing": True}
    )
    with torch.no_grad():
        run(x)
    return run
