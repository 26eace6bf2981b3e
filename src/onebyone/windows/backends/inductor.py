"""PyTorch's own compiler, with constant weights."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx


def compiled(module: fx.GraphModule, x: Tensor) -> Callable[[Tensor], Sequence[Any]]:
    """Compile by torch.compile for one shape of image, weights frozen.

    Args:
        module: the graph.
        x: an image; it is run once, since compilation happens at the first call.
    """
    # A copy has code of its own: torch.compile keeps what it compiled by code, with old weights.
    fresh = fx.GraphModule(module, module.graph)
    run: Callable[[Tensor], Sequence[Any]] = torch.compile(
        fresh, dynamic=False, options={"freezing": True}
    )
    with torch.no_grad():
        run(x)
    return run
