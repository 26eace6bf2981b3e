"""A node of an ONNX file that takes one of two graphs, by sizes that are known when it runs."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from onebyone.models.onnx.network import Graph
from onebyone.models.onnx.table import Array
from onebyone.models.onnx.values import Known


class Branches(nn.Module):
    """Runs one of two graphs that take the same values.

    Attributes:
        sizes: for each result, whether it is numbers that NumPy computes.
    """

    def __init__(self, graphs: Sequence[Graph], sizes: Sequence[bool]) -> None:
        super().__init__()
        self.then, self.otherwise = graphs
        self.sizes = tuple(sizes)
        self.eval()

    def forward(self, condition: Array, *values: Any) -> tuple[Any, ...]:
        """Compute the results of the graph that the condition says."""
        taken = self.then if condition.reshape(-1)[0] else self.otherwise
        results = taken.results(*values)
        return tuple(
            value.numpy() if sizes and isinstance(value, Tensor) else value
            for value, sizes in zip(results, self.sizes, strict=True)
        )


def is_open(condition: Known | None) -> bool:
    """Whether a condition follows from sizes that are not known before a network runs."""
    return condition is not None and condition.constant is None and condition.sizes
