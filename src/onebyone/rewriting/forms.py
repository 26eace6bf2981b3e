"""Layers that compute by another operator than the one they were made for.

A layer keeps its name, hooks, flags and attributes, and its class changes, as `nn.LazyLinear`
becomes `nn.Linear`. Its weight is stored in the shape that the new operator reads, so that exported
graphs hold the weight itself beside the operator and no reshape of it; `state_dict` shows the shape
of old, and loading takes either. A weight that another module reads too, such as an embedding's,
keeps its shape, and the layer views it. Results lie in memory as the old layer's do, for what views
them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

LAYOUTS = ("conv1d", "BCS1", "BC1S", "BCHW")
"""How [..., S, C] lies as a convolution's input: [B, C, S], [B, C, S, 1], [B, C, 1, S], or
[B, C, H, W] of [B, H, W, C]."""
CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


@dataclass(frozen=True)
class Relabelling:
    """One weight in two shapes that hold the same numbers.

    Attributes:
        before: the shape that the layer was made with, and that its `state_dict` shows.
        after: the shape that its new operator reads.
        blocks: the shape of old as [groups, rows, columns].
        transposed: whether the rows become columns.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    blocks: tuple[int, int, int]
    transposed: bool = False

    def apply(self, weight: Tensor) -> Tensor:
        """A weight as the operator reads it; one of any other shape stays as it is."""
        if weight.shape != self.before:
            return weight
        blocks = weight.reshape(self.blocks)
        return (blocks.mT if self.transposed else blocks).reshape(self.after)

    def revert(self, weight: Tensor) -> Tensor:
        """A weight in its shape of old; one of any other shape stays as it is."""
        if weight.shape != self.after:
            return weight
        if not self.transposed:
            return weight.reshape(self.before)
        groups, rows, columns = self.blocks
        return weight.reshape(groups, columns, rows).mT.reshape(self.before)


class Relabelled(nn.Module):
    """What both kinds have in common: a weight that is stored in one shape and shown in another.

    Attributes:
        relabelling: from the weight's shape of old to the operator's.
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
        destination[name] = self.relabelling.revert(destination[name])

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *others: Any
    ) -> None:
        name, state = prefix + "weight", dict(state_dict)
        if isinstance(state.get(name), Tensor):
            change = self.relabelling
            stored = self.weight.shape == change.after
            state[name] = (change.apply if stored else change.revert)(state[name])
        super()._load_from_state_dict(state, prefix, *others)

    def extra_repr(self) -> str:
        """Say what the layer was and what its state dict shows."""
        return f"was={self.was.__name__}, weight={self.relabelling.before}"


class LinearByConvolution(Relabelled):
    """A fully connected layer [..., C] -> [..., O] that computes by a 1×1 convolution (S1, S2).

    Attributes:
        layout: one of `LAYOUTS`.
    """

    layout: str

    def forward(self, x: Float[Tensor, "*lead C"]) -> Float[Tensor, "*lead O"]:
        """Lay the channels before the positions, convolve, and lay them back."""
        grid = self._grid(x)
        weight = self.relabelling.apply(self.weight)
        convolve = CONVOLVE[weight.ndim - 2]
        y = convolve(grid.movedim(-1, 1), weight, self.bias).movedim(1, -1).contiguous()
        return y if grid is x else y.view(*x.shape[:-1], weight.shape[0])

    def _grid(self, x: Tensor) -> Tensor:
        """[..., C] as [B, *space, C]; B is the first dimension of x."""
        axes = 2 if self.layout == "BCHW" else 1
        while x.ndim < axes + 2:
            x = x.unsqueeze(0 if x.ndim == 1 else 1)
        x = x.flatten(1, x.ndim - axes - 1) if x.ndim > axes + 2 else x
        if self.layout == "BCS1":
            return x.unsqueeze(2)
        return x.unsqueeze(1) if self.layout == "BC1S" else x

    def extra_repr(self) -> str:
        """Add the layout."""
        return f"{super().extra_repr()}, layout={self.layout}"


class ConvolutionByLinear(Relabelled):
    """A 1×1 convolution [N, C, *space] -> [N, O, *space'] that computes by a fully connected layer.

    A stride is a slice before it (S10), groups are one batched product.
    """

    stride: tuple[int, ...]
    kernel_size: tuple[int, ...]

    def forward(self, x: Float[Tensor, "*N_C_space"]) -> Float[Tensor, "*N_O_space"]:
        """Lay the channels behind the positions, multiply, and lay them back."""
        channels = -len(self.kernel_size) - 1
        if max(self.stride) > 1:
            steps: list[Any] = [slice(None, None, step) for step in self.stride]
            x = x[(..., *steps)]
        x = x.movedim(channels, -1)
        weight = self.relabelling.apply(self.weight)
        if weight.ndim == 2:
            y = functional.linear(x, weight, self.bias)
        else:
            y = self._by_groups(x, weight)
        return y.movedim(-1, channels).contiguous()

    def _by_groups(self, x: Tensor, weight: Tensor) -> Tensor:
        groups, outputs, inputs = weight.shape
        blocks = x.reshape(-1, groups, inputs).transpose(0, 1)
        y = (blocks @ weight.mT).transpose(0, 1).reshape(*x.shape[:-1], groups * outputs)
        return y if self.bias is None else y + self.bias


def operator_name(weight: Sequence[int], is_convolution: bool) -> str:
    """The operator that reads a weight of this shape, and the shape."""
    sizes = "×".join(map(str, weight))
    if is_convolution:
        return f"Conv{len(weight) - 2}d {sizes}"
    return f"Linear {sizes}" if len(weight) == 2 else f"batched matmul {sizes}"
