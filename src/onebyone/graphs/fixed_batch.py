"""Exported programs whose batch is one number: run any batch in pieces of that size."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind
from torch.utils import _pytree as pytree


def fixed_batch(program: ExportedProgram) -> int | None:
    """The batch that a program was exported for; None where it takes any."""
    names = {
        spec.arg.name
        for spec in program.graph_signature.input_specs
        if spec.kind is InputKind.USER_INPUT
    }
    for node in program.graph.find_nodes(op="placeholder"):
        value = node.meta.get("val")
        if node.name in names and isinstance(value, Tensor) and value.ndim > 0:
            return value.shape[0] if isinstance(value.shape[0], int) else None
    return None


class InPieces(nn.Module):
    """A network that takes exactly `batch` windows, for any number of them."""

    def __init__(self, program: ExportedProgram, batch: int) -> None:
        super().__init__()
        self.network, self.batch = program.module(), batch
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
