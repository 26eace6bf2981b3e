"""Small modules that drawn and hand-made test networks are put together from."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Apply(nn.Module):
    """A function of one or more tensors as a module, printed as `text`."""

    def __init__(self, text: str, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.text = text
        self.function = function

    def forward(self, *x: Tensor) -> Tensor:
        return self.function(*x)

    def extra_repr(self) -> str:
        return self.text


class Wired(nn.Module):
    """Steps joined into a directed acyclic graph.

    Value 0 is the input; step i reads the values `sources[i]` and gives value i + 1. The values
    `heads` are returned: one as a tensor, several as a tuple, or a dict where they have names.
    """

    def __init__(
        self,
        steps: Sequence[nn.Module],
        sources: Sequence[tuple[int, ...]],
        heads: Sequence[int],
        names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.sources = tuple(sources)
        self.heads = tuple(heads)
        self.names = names

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...] | dict[str, Tensor]:
        values = [x]
        for step, source in zip(self.steps, self.sources, strict=True):
            values.append(step(*(values[i] for i in source)))
        outputs = tuple(values[i] for i in self.heads)
        if self.names:
            return dict(zip(self.names, outputs, strict=True))
        return outputs if len(outputs) > 1 else outputs[0]

    def extra_repr(self) -> str:
        return f"sources={self.sources}, heads={self.heads}, names={self.names}"


class ChannelsLast(nn.Module):
    """`body` on the channels-last form of its input, as in ConvNeXt."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x.movedim(1, -1)).movedim(-1, 1)


class Residual(nn.Module):
    """shortcut(x) + body(x)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.body(x)


class Concatenate(nn.Module):
    """The branches' outputs, one after the other in the channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Heads(nn.Module):
    """Several heads on one input, as a dict."""

    def __init__(self, **heads: nn.Module) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(heads)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {name: head(x) for name, head in self.heads.items()}


class SqueezeExcite(nn.Module):
    """Channels scaled by what the whole window's mean says: sharing ends here."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.sigmoid(self.scale(x.flatten(2).mean(2)))
        return x * scale.unflatten(1, (-1, *[1] * (x.ndim - 2)))


class Attention(nn.Module):
    """One head of self-attention over the positions of a window: sharing ends here."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x.flatten(2).mT).chunk(3, -1)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return x + mixed.mT.unflatten(2, x.shape[2:])


class Position(nn.Module):
    """Adds a learnt value to every position of the window: sharing ends here."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.embedding


class Scale(nn.Module):
    """One learnt factor per channel (ConvNeXt's layer scale)."""

    def __init__(self, channels: int, rank: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(channels, *[1] * rank))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


def shuffle(groups: int) -> Apply:
    """ShuffleNet's channel shuffle."""
    return Apply(
        f"shuffle channels, {groups} groups",
        lambda x: x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2),
    )


def pad(amounts: Sequence[int], mode: str = "constant", value: float | None = None) -> Apply:
    """An explicit padding operator; `amounts` as for `torch.nn.functional.pad`."""
    return Apply(
        f"pad {tuple(amounts)} {mode} {value}", lambda x: F.pad(x, tuple(amounts), mode, value)
    )


def space_slice(*slices: slice) -> Apply:
    """A slice in space; one `slice` per axis."""
    return Apply(f"x[..., {slices}]", lambda x: x[(..., *slices)])


def settle(model: nn.Module, seed: int) -> nn.Module:
    """Give the model's parameters and running statistics random values that keep outputs alive.

    Weights have the variance of He's initialisation, so that signals neither die nor explode;
    biases, scales and BatchNorm's statistics are all different from 0 and 1. The model is set to
    eval mode and returned.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor: Tensor, std: float, mean: float = 0.0) -> None:
        values = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        tensor.copy_(mean + std * values)

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and not name.endswith(("embedding", "gamma")):
                normal(parameter, (2 / parameter[0].numel()) ** 0.5)
            elif name.endswith(("weight", "gamma")):
                normal(parameter, 0.2, 1.0)
            else:
                normal(parameter, 0.3)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                normal(buffer, 0.3)
            elif name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return model.eval()
