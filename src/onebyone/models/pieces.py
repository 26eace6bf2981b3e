"""Networks that are one call in a graph: one that takes one size of the batch only, for any."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

_OF_ONE_SIZE = (
    "the exported program cannot be captured with a batch of any size, so it runs as crops and "
    "nothing is shared: it was exported for a batch of {batch}, which its graph holds in other "
    "places than sizes; "
    'export it with dynamic_shapes=({{0: torch.export.Dim("batch")}},)'
)


class OneCall(nn.Module):
    """A network that nothing is shared within.

    Attributes:
        why: the warning that says so.
    """

    why: str


class InPieces(OneCall):
    """A network that takes exactly `batch` windows, for any number of them."""

    def __init__(self, network: nn.Module, batch: int, why: str = "") -> None:
        super().__init__()
        self.network, self.batch = network, batch
        self.why = why or _OF_ONE_SIZE.format(batch=batch)
        self.training = False

    def forward(self, windows: Tensor) -> Any:
        """Run piece by piece; the last one is filled up with its first window."""
        leaves, structure = [], None
        for piece in torch.split(windows, self.batch):
            missing = self.batch - len(piece)
            full = torch.cat([piece, piece[:1].expand(missing, *piece.shape[1:])])
            found, structure = pytree.tree_flatten(self.network(full))
            leaves.append([y[: len(piece)] for y in found])
        assert structure is not None
        joined = [torch.cat(list(parts)) for parts in zip(*leaves, strict=True)]
        return pytree.tree_unflatten(joined, structure)


def same_in_pieces(network: nn.Module, fixed: nn.Module, windows: Tensor) -> bool:
    """Whether a network gives for two batches at once what `fixed` gives one after the other."""
    with torch.no_grad():
        found = pytree.tree_leaves(network(windows.clone()))
        parts = [pytree.tree_leaves(fixed(part.clone())) for part in windows.chunk(2)]
    return all(
        _close(a, torch.cat(b)) if isinstance(a, Tensor) else a == b[0] == b[1]
        for a, *b in zip(found, *parts, strict=True)
    )


def _close(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or not a.is_floating_point():
        return torch.equal(a, b)
    # Half of the digits: rounding stays far below, another window's numbers are far above.
    tolerance = torch.finfo(a.dtype).eps ** 0.5
    largest = b.abs().max().item() if b.numel() else 0.0
    return torch.allclose(a, b, rtol=0, atol=tolerance * largest, equal_nan=True)
