"""One short strategy per operator: what fits the shape it reads, or None where nothing does."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import nn

from helpers.modules import (
    Apply,
    Attention,
    ChannelsLast,
    Position,
    Scale,
    SqueezeExcite,
    pad,
    shuffle,
    space_slice,
)

Draw = Callable[[st.SearchStrategy[Any]], Any]
Shape = tuple[int, ...]

POINTWISE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": nn.functional.gelu,
    "sigmoid": torch.sigmoid,
    "abs": torch.abs,
    "silu": nn.functional.silu,
    "leaky_relu": lambda x: nn.functional.leaky_relu(x, 0.1),
    "hardswish": nn.functional.hardswish,
    "clamp": lambda x: x.clamp(-1.0, 1.5),
    "-1.5 x": lambda x: x * -1.5,
    "0.7 - x": lambda x: 0.7 - x,
    "softmax over channels": lambda x: x.softmax(1),
    "normalise channels": lambda x: x / (x.norm(dim=1, keepdim=True) + 1.0),
}


def whole(draw: Draw, low: int, high: int) -> int:
    return draw(st.integers(low, high))


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def span(kernel: int, dilation: int) -> int:
    return dilation * (kernel - 1) + 1


def named(kind: str, rank: int) -> Any:
    return getattr(nn, f"{kind}{rank}d")


def draw_kernels(draw: Draw, space: Shape, largest: int, dilated: bool = True) -> dict[str, Any]:
    """Kernel, stride, padding and dilation per axis that leave at least one position."""
    chosen: dict[str, list[int]] = {"kernel_size": [], "stride": [], "padding": [], "dilation": []}
    for n in space:
        padding = whole(draw, 0, 2)
        kernel = whole(draw, 1, min(largest, n + 2 * padding))
        fits = (n + 2 * padding - 1) // max(kernel - 1, 1)
        chosen["kernel_size"].append(kernel)
        chosen["stride"].append(whole(draw, 1, 3))
        chosen["padding"].append(padding)
        chosen["dilation"].append(whole(draw, 1, max(1, min(3, fits))) if dilated else 1)
    return {key: tuple(values) for key, values in chosen.items()}


def draw_groups(draw: Draw, channels: int) -> tuple[int, int]:
    """Groups, and output channels that they divide."""
    groups = draw(st.sampled_from(divisors(channels)))
    return groups, groups * whole(draw, 1, max(1, 4 // groups))


def convolution(draw: Draw, shape: Shape) -> nn.Module:
    rank = len(shape) - 1
    groups, out = draw_groups(draw, shape[0])
    options = draw_kernels(draw, shape[1:], 5)
    modes = ["zeros", "zeros", "zeros", "replicate"]
    if all(p < n for p, n in zip(options["padding"], shape[1:], strict=True)):
        modes += ["reflect", "circular"]
    mode = draw(st.sampled_from(modes))
    bias = draw(st.booleans())
    return named("Conv", rank)(
        shape[0], out, **options, groups=groups, bias=bias, padding_mode=mode
    )


def same_convolution(draw: Draw, shape: Shape) -> nn.Module:
    kernel = tuple(whole(draw, 1, 4) for _ in shape[1:])
    return named("Conv", len(shape) - 1)(shape[0], whole(draw, 1, 4), kernel, padding="same")


def transposed_convolution(draw: Draw, shape: Shape) -> nn.Module | None:
    if max(shape[1:]) > 12:
        return None
    rank = len(shape) - 1
    groups, out = draw_groups(draw, shape[0])
    kernel = tuple(whole(draw, 1, 3) for _ in shape[1:])
    stride = tuple(whole(draw, 1, 2) for _ in shape[1:])
    dilation = tuple(whole(draw, 1, 2) for _ in shape[1:])
    padding, extra = [], []
    for n, k, s, d in zip(shape[1:], kernel, stride, dilation, strict=True):
        extra.append(whole(draw, 0, max(s, d) - 1))
        full = (n - 1) * s + span(k, d) + extra[-1]
        padding.append(whole(draw, 0, min(2, (full - 1) // 2)))
    return named("ConvTranspose", rank)(
        shape[0], out, kernel, stride, tuple(padding), tuple(extra), groups, True, dilation
    )


def max_pooling(draw: Draw, shape: Shape) -> nn.Module:
    rank = len(shape) - 1
    kernel = tuple(whole(draw, 1, min(4, n)) for n in shape[1:])
    padding = tuple(whole(draw, 0, k // 2) for k in kernel)
    stride = tuple(whole(draw, 1, 3) for _ in kernel)
    # A dilated kernel over padding could meet no pixel at all, and give -inf.
    most = [(n - 1) // max(k - 1, 1) for n, k in zip(shape[1:], kernel, strict=True)]
    dilation = tuple(
        whole(draw, 1, max(1, min(3, m))) if p == 0 else 1
        for m, p in zip(most, padding, strict=True)
    )
    ceil = draw(st.booleans())
    return named("MaxPool", rank)(kernel, stride, padding, dilation, ceil_mode=ceil)


def average_pooling(draw: Draw, shape: Shape) -> nn.Module:
    rank = len(shape) - 1
    kernel = tuple(whole(draw, 1, min(4, n)) for n in shape[1:])
    padding = tuple(whole(draw, 0, k // 2) for k in kernel)
    stride = tuple(whole(draw, 1, 3) for _ in kernel)
    options: dict[str, Any] = {
        "ceil_mode": draw(st.booleans()),
        "count_include_pad": draw(st.booleans()),
    }
    if rank > 1:
        options["divisor_override"] = draw(st.sampled_from([None, None, 3]))
    return named("AvgPool", rank)(kernel, stride, padding, **options)


def adaptive_pooling(draw: Draw, shape: Shape) -> nn.Module:
    kind = draw(st.sampled_from(["AdaptiveAvgPool", "AdaptiveMaxPool"]))
    if whole(draw, 0, 4):
        sizes = tuple(draw(st.sampled_from(divisors(n))) for n in shape[1:])
    else:
        sizes = tuple(whole(draw, 1, n) for n in shape[1:])
    return named(kind, len(shape) - 1)(sizes)


def padding_operator(draw: Draw, shape: Shape) -> nn.Module:
    mode = draw(st.sampled_from(["constant", "constant", "reflect", "replicate", "circular"]))
    amounts: list[int] = []
    for n in reversed(shape[1:]):
        most = min(3, {"reflect": n - 1, "circular": n}.get(mode, 3))
        least = -((n - 1) // 2) if mode == "constant" else 0
        amounts += [whole(draw, max(-2, least), most) for _ in range(2)]
    value = draw(st.sampled_from([0.0, -0.5, 2.0])) if mode == "constant" else None
    return pad(amounts, mode, value)


def slice_in_space(draw: Draw, shape: Shape) -> nn.Module:
    slices = []
    for n in shape[1:]:
        start = whole(draw, 0, min(2, n - 1))
        end = whole(draw, 0, min(2, n - 1 - start))
        slices.append(slice(start, n - end, whole(draw, 1, 3)))
    return space_slice(*slices)


def upsampling(draw: Draw, shape: Shape) -> nn.Module | None:
    if max(shape[1:]) > 8:
        return None
    factors = tuple(whole(draw, 1, 2) for _ in shape[1:])
    return nn.Upsample(scale_factor=tuple(map(float, factors)), mode="nearest")


def batch_norm(draw: Draw, shape: Shape) -> nn.Module:
    return named("BatchNorm", len(shape) - 1)(shape[0], affine=draw(st.booleans()))


def channels_last(draw: Draw, shape: Shape) -> nn.Module:
    """ConvNeXt's middle: LayerNorm over channels, then fully connected layers on channels.

    With PyTorch's eps of 1e-5, channels that are nearly equal would have their rounding multiplied
    by 300: two runs of the same crops would not keep the contract between them.
    """
    middle = whole(draw, 1, 4)
    return ChannelsLast(
        nn.Sequential(
            nn.LayerNorm(shape[0], eps=0.1),
            nn.Linear(shape[0], middle),
            nn.GELU(),
            nn.Linear(middle, 3),
        )
    )


def pointwise(draw: Draw, shape: Shape) -> nn.Module:
    name = draw(st.sampled_from(sorted(POINTWISE)))
    return Apply(name, POINTWISE[name])


def channel_operator(draw: Draw, shape: Shape) -> nn.Module:
    channels, rank = shape[0], len(shape) - 1
    choices: list[nn.Module] = [
        Scale(channels, rank),
        nn.PReLU(channels),
        nn.Dropout(0.5),
        shuffle(draw(st.sampled_from(divisors(channels)))),
    ]
    if channels > 1:
        cut = whole(draw, 1, channels - 1)
        choices += [
            Apply(f"x[:, {cut}:]", lambda x: x[:, cut:]),
            Apply(f"swap at {cut}", lambda x: torch.cat([x[:, cut:], x[:, :cut]], 1)),
            Apply("every other channel", lambda x: x[:, ::2]),
            Apply("gate", lambda x: x[:, :cut].sum(1, keepdim=True) * x[:, cut:]),
        ]
    return draw(st.sampled_from(choices))


def ends_sharing(draw: Draw, shape: Shape) -> nn.Module:
    """What mixes positions in other ways; the rest of the network must still be right."""
    choices = [
        SqueezeExcite(shape[0]),
        Attention(shape[0]),
        Position(*shape),
        Apply("flip", lambda x: x.flip(-1)),
        Apply("roll", lambda x: x.roll(1, -1)),
        Apply("minus the mean", lambda x: x - x.mean(-1, keepdim=True)),
        Apply("softmax over space", lambda x: x.softmax(-1)),
    ]
    return draw(st.sampled_from(choices))


# Written out rather than weighted: the chance of each is seen by counting.
OPERATORS = (
    *(convolution,) * 5,
    same_convolution,
    transposed_convolution,
    *(max_pooling,) * 2,
    *(average_pooling,) * 2,
    adaptive_pooling,
    *(padding_operator,) * 2,
    slice_in_space,
    upsampling,
    batch_norm,
    channels_last,
    *(pointwise,) * 3,
    *(channel_operator,) * 2,
    ends_sharing,
)


def draw_operator(draw: Draw, shape: Shape) -> nn.Module:
    """One operator that fits the shape [C, *space] it reads."""
    return draw(st.sampled_from(OPERATORS))(draw, shape) or pointwise(draw, shape)


def flatten_linear(draw: Draw, shape: Shape) -> nn.Module:
    """Flatten in any order of axes, then a fully connected layer."""
    orders = list(itertools.permutations(range(1, len(shape) + 1)))
    order: Sequence[int] = (0, *draw(st.sampled_from(orders)))
    count = torch.Size(shape).numel()
    flatten = Apply(f"permute {order}, flatten", lambda x: x.permute(order).flatten(1))
    return nn.Sequential(flatten, nn.Linear(count, 3))


def global_pooling(draw: Draw, shape: Shape) -> nn.Module:
    axes = tuple(range(-len(shape) + 1, 0))
    pools: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "mean": lambda x: x.mean(axes),
        "amax": lambda x: x.amax(axes),
        "sum": lambda x: x.sum(axes),
        "mean of one axis, then of the others": lambda x: x.mean(-1).flatten(2).mean(-1),
    }
    if len(shape) == 2:
        pools.pop("mean of one axis, then of the others")
    name = draw(st.sampled_from(sorted(pools)))
    return nn.Sequential(Apply(name, pools[name]), nn.Linear(shape[0], 3))


def adaptive_head(draw: Draw, shape: Shape) -> nn.Module:
    kind = draw(st.sampled_from(["AdaptiveAvgPool", "AdaptiveMaxPool"]))
    return nn.Sequential(
        named(kind, len(shape) - 1)(1), nn.Flatten(), nn.Linear(shape[0], 4), nn.ReLU(),
        nn.Dropout(), nn.Linear(4, 2),
    )  # fmt: skip


def attention_head(draw: Draw, shape: Shape) -> nn.Module:
    """Positions embedded, one attention, mean: a small vision transformer's end."""
    return nn.Sequential(
        Position(*shape), Attention(shape[0]), nn.Flatten(2),
        Apply("mean", lambda x: x.mean(-1)), nn.Linear(shape[0], 2),
    )  # fmt: skip


def no_head(draw: Draw, shape: Shape) -> nn.Module:
    """The map itself: an output [N, K, *space]."""
    return named("Conv", len(shape) - 1)(shape[0], 2, 1)


HEADS = (flatten_linear, flatten_linear, global_pooling, adaptive_head, attention_head, no_head)


def draw_head(draw: Draw, shape: Shape) -> nn.Module:
    """What a network ends in, for a last map of shape [C, *space]."""
    return draw(st.sampled_from(HEADS))(draw, shape)
