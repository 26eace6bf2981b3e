"""A node of an ONNX file that takes one of two graphs, by sizes that are known when it runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from onebyone.models.onnx.network import Graph
from onebyone.models.onnx.table import Array
from onebyone.models.onnx.values import Known


class Branches(nn.Module):
    """Runs one of two graphs that take the same values.

    Attributes:
        constants: for each graph, its results that are constant numbers beside sizes, by place.
    """

    def __init__(self, graphs: Sequence[Graph], constants: Sequence[Mapping[int, Array]]) -> None:
        super().__init__()
        self.then, self.otherwise = graphs
        self.constants = tuple(constants)
        self.eval()

    def forward(self, condition: Array, *values: Any) -> tuple[Any, ...]:
        """Compute the results of the graph that the condition says."""
        holds = bool(condition.reshape(-1)[0])
        results = (self.then if holds else self.otherwise).results(*values)
        constants = self.constants[0 if holds else 1]
        return tuple(constants.get(place, value) for place, value in enumerate(results))


def constants_of(ends: Sequence[Sequence[Known]], sizes: Sequence[bool]) -> list[dict[int, Array]]:
    """Constant results of each of two graphs where the other may give sizes."""
    return [
        {
            place: k.constant.numpy()
            for place, (k, is_size) in enumerate(zip(end, sizes, strict=True))
            if is_size and k.constant is not None
        }
        for end in ends
    ]


def is_open(condition: Known | None) -> bool:
    """Whether a condition follows from sizes that are not known before a network runs."""
    return condition is not None and condition.constant is None and condition.sizes
