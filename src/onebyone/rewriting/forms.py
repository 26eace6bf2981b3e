"""Layers that compute by another operator than the one they were made for.

A layer keeps its name, hooks, flags and attributes, and its class changes, as `nn.LazyLinear`
becomes `nn.Linear`. Its weight is stored in the shape that the new operator reads, so that exported
graphs hold the weight itself beside the operator and no reshape of it; `state_dict` shows the shape
of old, and loading takes either. A weight that another module reads too, such as an embedding's,
keeps its shape, and the layer views it.
"""

from collections.abc import Mapping, Sequence
from operator import call
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from onebyone.graphs.aten import aten
from onebyone.rewriting.computing import convolve, multiply, relabelled
from onebyone.rewriting.relabelling import Relabelling
from onebyone.wording import by


class RelabelledLayer(nn.Module):
    """What both kinds have in common: a weight that is stored in one shape and shown in another.

    Attributes:
        relabelling: of the weight, from the shape of old, which `state_dict` shows.
        was: the class that the layer had.
    """

    relabelling: Relabelling
    was: type[nn.Module]
    weight: Tensor
    bias: Tensor | None

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        name = prefix + "weight"
        destination[name] = adapted(self.relabelling.inverse, destination[name])

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *others: Any
    ) -> None:
        name, state = prefix + "weight", dict(state_dict)
        if isinstance(state.get(name), Tensor):
            stored = self.weight.shape == self.relabelling.after
            change = self.relabelling if stored else self.relabelling.inverse
            state[name] = adapted(change, state[name])
        super()._load_from_state_dict(state, prefix, *others)

    def extra_repr(self) -> str:
        """Say what the layer was and what its state dict shows."""
        return f"was={self.was.__name__}, weight={self.relabelling.before}"


class LinearByConvolution(RelabelledLayer):
    """A fully connected layer [..., C] -> [..., O] that computes by a 1×1 convolution (S1, S2).

    Attributes:
        layout: one of `layouts.LAYOUTS`.
    """

    layout: str

    def forward(self, x: Float[Tensor, "*lead C"]) -> Float[Tensor, "*lead O"]:
        """Lay the channels before the positions, convolve, and lay them back."""
        kernel = adapted(self.relabelling, self.weight)
        y: Tensor = convolve(call, x, kernel, self.bias, self.layout)
        return y

    def extra_repr(self) -> str:
        """Add the layout."""
        return f"{super().extra_repr()}, layout={self.layout}"


class ConvolutionByLinear(RelabelledLayer):
    """A 1×1 convolution [N, C, *space] -> [N, O, *space'] that computes by a fully connected layer.

    Its weight is [O, C], or a block [groups, O, C] for each group.
    """

    stride: tuple[int, ...]

    def forward(self, x: Float[Tensor, "*N_C_space"]) -> Float[Tensor, "*N_O_space"]:
        """Lay the channels behind the positions, multiply, and lay them back."""
        weight = adapted(self.relabelling, self.weight)
        matrix = weight if weight.ndim == 2 else weight.mT
        y: Tensor = multiply(call, x, matrix, self.bias, self.stride, aten.matmul.default)
        return y


def adapted(change: Relabelling, weight: Tensor) -> Tensor:
    """A weight relabelled; one of another shape than it is for stays as it is."""
    if weight.shape != change.before:
        return weight
    new: Tensor = relabelled(call, weight, change)
    return new


def operator_name(weight: Sequence[int], is_convolution: bool, viewed: bool) -> str:
    """The operator that reads a weight of this shape, and the shape; `viewed` if others do too."""
    sizes = by(weight)
    name = f"Conv{len(weight) - 2}d" if is_convolution else "Linear"
    if not is_convolution and len(weight) > 2:
        name = "batched matmul"
    return f"{name} {sizes}{', its weight viewed: others read it too' if viewed else ''}"
